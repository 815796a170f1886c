"""`styleclip train-mapper`: train a small network for a prompt, to edit any face in milliseconds afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from styleclip.cli.options.common import (
    CommonOptions,
    clip_preprocess_option,
    common_options_with,
    ensemble_option,
    force_option,
    given_neutral,
    identity_option,
    neutral_option,
    preset_option,
    without_none,
)
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.source import latent_space_option
from styleclip.cli.options.training import TrainingOptions, kept_state, training_options
from styleclip.cli.options.types import EXISTING_FILE, CountRange, Parsed
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import EtaProgress, exit_on_interrupt
from styleclip.errors import UsageError
from styleclip.settings import preset_values
from styleclip.text.names import slug
from styleclip.text.parsing import parse_words
from styleclip.training.mapper.settings import MapperTraining

SUFFIX = ".safetensors"
UNTIMED = ("samples", "warm start")  # stages before the training

out_option = option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="FILE.safetensors, or a folder for several; FILE.training/ has metrics.  [default: in styleclip-out/mappers/]",
)


@click.command("train-mapper", cls=Command)
@option("--prompt", "targets", multiple=True, required=True, metavar="TEXT", help="What the picture shall show.")
@neutral_option
@force_option
@option("--latents", type=EXISTING_FILE, metavar="FILE", help="Latents to train on.  [default: samples]")
@latent_space_option
@settings_options(MapperTraining, kinds={"levels": Parsed("levels", parse_words)})
@option("--micro-batch", type=CountRange(1), metavar="N", help="Images to render at once, to save memory.")
@option("--sheet-every", type=CountRange(0), default=100, metavar="N", help="Steps between sample sheets.")
@ensemble_option
@identity_option
@clip_preprocess_option
@preset_option
@training_options
@common_options_with(out_option)
def train_mapper(
    common: CommonOptions,
    targets: tuple[str, ...],
    neutral: tuple[str, ...],
    force: bool,
    latents: Path | None,
    latent_space: str | None,
    micro_batch: int | None,
    sheet_every: int,
    ensemble: bool,
    identity: str | None,
    clip_preprocess: str | None,
    preset: str,
    training: TrainingOptions,
    **options: Any,
) -> None:
    """Train a latent mapper: a small network that learns the edit of one prompt for every latent.

    `styleclip map` applies it. Several --prompt train a mapper each, on the same pictures; torchrun shares the work
    among processes.
    """
    import styleclip
    from styleclip.runtime.devices import DistributedEnv
    from styleclip.training.distributed import process_group
    from styleclip.training.mapper.train import train_mappers
    from styleclip.weights.latent_files import load_latents

    options_given = without_none({**options, "text": "ensemble" if ensemble else None})
    if options["space"] == "s":
        options_given.setdefault("levels", None)  # they belong to W+
    settings = MapperTraining(**preset_values(MapperTraining, preset, options_given))
    prompts = [styleclip.Prompt(target, given_neutral(neutral), force) for target in targets]
    paths, folder = _mapper_paths(common.out, targets)
    if latents and options["num_latents"] is not None:
        raise UsageError("--num-latents counts samples; leave it out with --latents")
    if latent_space and not latents:
        raise UsageError("--latent-space says what a file of latents holds; pass it with --latents")
    if env := DistributedEnv.from_environ():
        common = replace(common, device=env.device(common.device), quiet=common.quiet or env.rank > 0)
    if env is None or env.rank == 0:
        common.lock(paths, folder)
    if settings.lambda_id == 0:
        identity = identity or "none"  # a recogniser without a weight is not loaded
    models = common.load(identity=identity, clip_preprocess=clip_preprocess)
    given = load_latents(latents, models.generator, latent_space) if latents else None
    bar = EtaProgress("train-mapper", common.quiet, ("loss", "target", "identity"), UNTIMED)
    with exit_on_interrupt(lambda: kept_state(folder)), bar, process_group(env, models.device) as group:
        more: dict[str, Any] = {"micro_batch": micro_batch, "sheet_every": sheet_every, **training.arguments(common)}
        mappers = train_mappers(models, prompts, settings, paths, folder, given, processes=group, on_step=bar, **more)
    if group.is_main:
        records = [dict(mapper.about) for mapper in mappers]
        common.report([*paths, folder], {"mappers": records}, [_summary(record) for record in records])
        if not bar.last and not common.quiet:
            print_lines("Trained before, with these settings", err=True)


def _mapper_paths(out: Path | None, targets: Sequence[str]) -> tuple[list[Path], Path]:
    """The files of the mappers, and the folder of metrics, samples and the checkpoint."""
    if out is None:
        folder = Path("styleclip-out") / "mappers"
        out = folder / f"{slug(targets[0])}{SUFFIX}" if len(targets) == 1 else folder
    if out.suffix == SUFFIX:
        if len(targets) > 1:
            raise UsageError(f"{len(targets)} prompts make as many mappers; pass a folder as --out")
        return [out], out.with_suffix(".training")
    if out.suffix:
        raise UsageError(f"--out is {out}; name a file that ends with {SUFFIX}, or a folder")
    paths = [out / f"{slug(target)}{SUFFIX}" for target in targets]
    if len(set(paths)) < len(paths):
        raise UsageError("two prompts make the same file name; change one, or train them one by one")
    return paths, out / "training"


def _summary(record: dict[str, Any]) -> str:
    scores = record["scores"]
    identity = f", identity {scores['identity']:.2f}" if "identity" in scores else ""
    return (
        f"{record['target']}: on faces held out CLIP is {scores['target']:.0%} sure of it, "
        f"{scores['target_before']:.0%} before{identity}; best at step {record['best_step']}"
    )
