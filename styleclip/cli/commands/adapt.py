"""`styleclip adapt`: make a generator that draws what a text says (StyleGAN-NADA)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from styleclip.canvases.adaptation.settings import Adaptation
from styleclip.cli.options.common import (
    CommonOptions,
    clip_preprocess_option,
    common_options_with,
    force_option,
    preset_option,
    without_none,
)
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.training import kept_state
from styleclip.cli.options.types import CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import EtaProgress, exit_on_interrupt
from styleclip.errors import UsageError
from styleclip.interrupts import exit_code
from styleclip.settings import preset_values
from styleclip.text.names import slug

SUFFIX = ".safetensors"

out_option = option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="FILE.safetensors, the generator; FILE.training/ has previews and metrics.  "
    "[default: in styleclip-out/adapted/]",
)


@click.command("adapt", cls=Command)
@option("--target", required=True, metavar="TEXT", help='What it shall draw, e.g. "a pencil sketch of a face".')
@option("--source", default="a face", metavar="TEXT", help="What it draws now.")
@force_option
@option(
    "--other-clip",
    "other_clips",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help="Another CLIP besides --clip, as it takes them, and the weight of its loss, by default 1.",
)
@settings_options(Adaptation)
@option("--preview-every", type=CountRange(0), default=25, metavar="N", help="Steps between two previews; 0 for none.")
@option("--resume", is_flag=True, help="Go on where an earlier run was cut off.")
@clip_preprocess_option
@preset_option
@common_options_with(out_option)
def adapt(
    common: CommonOptions,
    target: str,
    source: str,
    force: bool,
    other_clips: tuple[str, ...],
    preview_every: int,
    resume: bool,
    clip_preprocess: str | None,
    preset: str,
    **options: Any,
) -> None:
    """Adapt a generator: train a copy of it whose pictures differ from its own as the target text from the source text.

    The copy loads wherever a generator does (--model FILE), and latents, directions and mappers of the generator work
    with it.
    """
    import styleclip
    from styleclip.canvases.adaptation.losses import WeightedClip

    adaptation = Adaptation(**preset_values(Adaptation, preset, without_none(options)))
    prompt = styleclip.Prompt(target, source, force)
    path = _child_path(common.out, target)
    folder = path.with_suffix(".training")
    common.lock([path], folder)
    precise = replace(common, dtype="float32") if common.dtype == "auto" else common
    models = precise.load(identity="none", clip_preprocess=clip_preprocess)
    others = []
    for name, weight in map(_named_weight, other_clips):
        others.append(WeightedClip(styleclip.load_clip(name, fetch=common.fetch).to(models.device), weight))
    bar = EtaProgress("adapt", common.quiet, ("loss", "diversity", "target"))
    with exit_on_interrupt(lambda: kept_state(folder)), bar:
        child = styleclip.adapt(
            models,
            prompt,
            adaptation,
            path,
            others=others,
            resume=resume,
            overwrite=common.overwrite,
            preview_every=preview_every,
            metadata=_licence(common),
            on_step=bar,
        )
    record = dict(child.about)
    common.report([path, folder], record, [_summary(record)])
    if child.interrupted:
        print_lines(f"Interrupted; {path} is what was reached, and {kept_state(folder)}", err=True)
        raise click.exceptions.Exit(exit_code())
    if not bar.last and not common.quiet:
        print_lines("Adapted before, with these settings", err=True)


def _child_path(out: Path | None, target: str) -> Path:
    path = out or Path("styleclip-out") / "adapted" / f"{slug(target)}{SUFFIX}"
    if path.suffix != SUFFIX:
        raise UsageError(f"--out is {path}; name a file that ends with {SUFFIX}")
    return path


def _named_weight(text: str) -> tuple[str, float]:
    """`NAME=WEIGHT` as a name and a weight of at least 0; 1 where there is none."""
    name, equals, weight = text.rpartition("=")
    if not equals:
        return text, 1.0
    try:
        number = float(weight)
    except ValueError:
        number = -1.0
    if not name or not 0 <= number < 1e30:
        raise UsageError(f"--other-clip is {text}; write NAME=WEIGHT with a weight of 0 or more")
    return name, number


def _licence(common: CommonOptions) -> dict[str, str]:
    """The licence that the parent's file states, which is the child's, too."""
    from styleclip.weights.formats.registry import read_one
    from styleclip.weights.locate import generator_file

    licence = read_one(generator_file(common.model, common.fetch), "generator").licence
    return {"licence": licence} if licence else {}


def _summary(record: dict[str, Any]) -> str:
    scores = record["scores"]
    why = f": {record['stopped']}" if "stopped" in record else ""
    return (
        f"{record['target']}: CLIP is {scores['target']:.0%} sure of it, {scores['target_before']:.0%} before; "
        f"diversity {scores['diversity']:.0%} of the generator's; {record['kept_step']} of {record['steps_done']} "
        f"steps kept{why}"
    )
