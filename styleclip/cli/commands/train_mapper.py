"""`styleclip train-mapper`: train a small network for a prompt, to edit any face in milliseconds afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.common import CommonOptions, common_options_with, loss_resolution_option, slug, without_none
from styleclip.cli.options.types import FiniteRange
from styleclip.cli.output.progress import EtaProgress
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.latents import Latent
    from styleclip.methods.mapper import TrainedMapper
    from styleclip.models import Models
    from styleclip.progress import Step
    from styleclip.prompts import Prompt
    from styleclip.training.distributed import ProcessGroup
    from styleclip.training.mapper.settings import MapperTraining

SUFFIX = ".safetensors"
BAR_VALUES = ("loss", "target", "identity")  # on the progress bar

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="The mapper, FILE.safetensors, or a folder with one for each prompt; FILE.training/ or DIR/training/ has "
    "metrics and samples.  [default: in styleclip-out/mappers/]",
)


class Levels(click.ParamType):
    """Levels of W+ such as `coarse,medium`."""

    name = "levels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(part.strip() for part in str(value).split(","))


@click.command("train-mapper")
@click.option("--prompt", "targets", multiple=True, required=True, metavar="TEXT", help="What the picture shall show.")
@click.option("--neutral", multiple=True, metavar="TEXT", help="What it shows now; several texts are averaged.")
@click.option(
    "--latents",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Latents to learn from: of styleclip, or e.g. train_faces.pt.  [default: samples]",
)
@click.option("--num-latents", type=click.IntRange(1), metavar="N", help="Samples to learn from.  [default: 5000]")
@click.option("--psi", type=FiniteRange(), metavar="F", help="Truncation of the samples.  [default: 1]")
@click.option("--steps", type=click.IntRange(1), metavar="N", help="Training steps, at most.")
@click.option("--batch-size", type=click.IntRange(1), metavar="N", help="Latents per step, over all processes.")
@click.option("--micro-batch", type=click.IntRange(1), metavar="N", help="Pictures to render at once, to save memory.")
@click.option("--lr", type=FiniteRange(0, min_open=True), metavar="F", help="Learning rate.")
@click.option("--optimizer", type=click.Choice(["adam", "ranger"]), help="Ranger is RAdam with Lookahead, published.")
@click.option("--lambda-clip", type=FiniteRange(0), metavar="F", help="Weight of the CLIP loss.")
@click.option("--lambda-id", type=FiniteRange(0), metavar="F", help="Weight of the identity loss.")
@click.option("--lambda-l2", type=FiniteRange(0), metavar="F", help="Weight of the size of the step.")
@click.option("--clip-loss", type=click.Choice(["global", "directional"]), help="The loss on CLIP's features.")
@click.option("--reach", type=FiniteRange(0), metavar="F", help="Length of the directional step in CLIP space.")
@click.option("--ensemble", is_flag=True, help="Average the text over CLIP's prompt templates.")
@click.option("--space", type=click.Choice(["w+", "s"]), help="The space the mapper works in.")
@click.option("--levels", type=Levels(), metavar="LIST", help="Of W+: coarse,medium,fine or some, or all for one net.")
@click.option("--torgb", is_flag=True, help="In s: let toRGB styles move, too.")
@loss_resolution_option
@click.option("--held-out", type=click.IntRange(1), metavar="N", help="Latents that choose the best mapper.")
@click.option("--evaluate-every", type=click.IntRange(1), metavar="N", help="Steps between two looks at them.")
@click.option("--patience", type=click.IntRange(1), metavar="N", help="Stop after so many looks without progress.")
@click.option("--sheet-every", type=click.IntRange(0), default=100, metavar="N", help="Steps between sample sheets.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Of samples and weights.  [default: 0]")
@click.option("--identity", type=click.Choice(["arcface", "demo", "facenet", "none"]), help="Compares the faces.")
@click.option("--clip-preprocess", type=click.Choice(["correct", "paper"]), help="How CLIP sees the picture.")
@click.option("--half", is_flag=True, help="Write the mapper in half precision: half the size.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run was cut off.")
@common_options_with(out_option)
def train_mapper(
    common: CommonOptions,
    targets: tuple[str, ...],
    neutral: tuple[str, ...],
    latents: Path | None,
    micro_batch: int | None,
    sheet_every: int,
    ensemble: bool,
    identity: str | None,
    clip_preprocess: str | None,
    half: bool,
    resume: bool,
    **settings: Any,
) -> None:
    """Train a latent mapper: a small network that learns the edit of one prompt for every latent.

    `styleclip map` applies it. Options without a default take the one that suits the model. Several --prompt train a
    mapper each, on the same pictures; torchrun shares the work among processes.
    """
    import torch

    import styleclip
    from styleclip.runtime.devices import DistributedEnv, pick_device
    from styleclip.training.distributed import process_group
    from styleclip.training.mapper.settings import MapperTraining

    words = without_none({"neutral": neutral[0] if len(neutral) == 1 else neutral or None})
    prompts = [styleclip.Prompt(target, **words) for target in targets]
    training = MapperTraining(**without_none({**settings, "text": "ensemble" if ensemble else None}))
    paths, folder = _mapper_paths(common.out, targets)
    if settings["lambda_id"] == 0:
        identity = identity or "none"  # a recogniser that weighs nothing is not loaded
    learn_from = _latents(latents, settings)
    told = DistributedEnv.from_environ()
    mine = replace(common, device=told.device(common.device), quiet=common.quiet or told.rank > 0) if told else common
    models = mine.load(identity=identity, clip_preprocess=clip_preprocess)
    options = {
        "sheet_every": sheet_every,
        "micro_batch": micro_batch,
        "dtype": torch.float16 if half else torch.float32,
        "resume": resume,
        "overwrite": mine.overwrite,
    }
    with process_group(told, pick_device(mine.device)) as crew:
        mappers, last = _train(mine.quiet, models, prompts, training, paths, folder, learn_from, options, crew)
    if crew.is_main:
        _report(mine, paths, folder, mappers, last)


def _train(
    quiet: bool,
    models: Models,
    prompts: Sequence[Prompt],
    training: MapperTraining,
    paths: Sequence[Path],
    folder: Path,
    latents: Latent | None,
    options: dict[str, Any],
    crew: ProcessGroup,
) -> tuple[list[TrainedMapper], Step | None]:
    """The mappers, and how far the training went if there was any to do. Ctrl-C ends the command."""
    from styleclip.training.mapper.train import train_mappers

    last: list[Step] = []

    def tell(step: Step) -> None:
        last[:] = [step]
        progress(replace(step, values={name: step.values[name] for name in BAR_VALUES if name in step.values}))

    try:
        with EtaProgress("train-mapper", quiet) as progress:
            mappers = train_mappers(
                models, prompts, training, paths, folder, latents, processes=crew, on_step=tell, **options
            )
    except KeyboardInterrupt:
        click.echo("Interrupted; --resume goes on from what was saved in the last seconds", err=True)
        raise click.exceptions.Exit(130) from None
    return mappers, last[0] if last else None


def _mapper_paths(out: Path | None, targets: Sequence[str]) -> tuple[list[Path], Path]:
    """The files of the mappers, and the folder of metrics, samples and what is learned so far."""
    if out is not None and out.suffix == SUFFIX:
        if len(targets) > 1:
            raise UsageError(f"{len(targets)} prompts make as many mappers; pass a folder as --out")
        return [out], out.with_suffix(".training")
    if out is not None and out.suffix:
        raise UsageError(f"--out is {out}; name a file that ends with {SUFFIX}, or a folder")
    if out is None and len(targets) == 1:
        return _mapper_paths(Path("styleclip-out") / "mappers" / f"{slug(targets[0])}{SUFFIX}", targets)
    folder = out or Path("styleclip-out") / "mappers"
    paths = [folder / f"{slug(target)}{SUFFIX}" for target in targets]
    if len(set(paths)) < len(paths):
        raise UsageError("two prompts make the same file name; change one, or train them one by one")
    return paths, folder / "training"


def _latents(path: Path | None, settings: dict[str, Any]) -> Latent | None:
    from styleclip.weights.load import load_latents

    if path is None:
        return None
    if settings["num_latents"] is not None:
        raise UsageError("--num-latents counts samples; leave it out with --latents")
    return load_latents(path)


def _report(
    common: CommonOptions,
    paths: Sequence[Path],
    folder: Path,
    mappers: Sequence[TrainedMapper],
    last: Step | None,
) -> None:
    """Print where the mappers are, and what CLIP thinks of them on faces they never saw."""
    records = [dict(mapper.about) for mapper in mappers]
    common.report([*paths, folder], {"mappers": records})
    if not common.as_json:
        for record in records:
            click.echo(_summary(record))
    if last is None and not common.quiet:
        click.echo("Trained before, with these settings", err=True)


def _summary(record: dict[str, Any]) -> str:
    scores = record["scores"]
    identity = f", identity {scores['identity']:.2f}" if "identity" in scores else ""
    return (
        f"{record['target']}: on faces held out CLIP is {scores['target']:.0%} sure of it, "
        f"{scores['target_before']:.0%} before{identity}; best at step {record['best_step']}"
    )
