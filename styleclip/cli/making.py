"""What `global-dir` makes of its outcomes: the sheet, the sweep, the explanation. Imported when the command works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image

from styleclip.cli.explain import explanation, plot
from styleclip.cli.extras import OutputOptions
from styleclip.cli.outcomes import Outcome
from styleclip.cli.output.progress import Progress
from styleclip.cli.sheets import FRAMES, sheet, sweep, thumbnails
from styleclip.editor import Editor
from styleclip.files import atomic_path, atomic_write, to_json
from styleclip.images import png_bytes, write_video
from styleclip.latents import Latent
from styleclip.methods.direction_files import save_direction


def make(
    extras: OutputOptions, editor: Editor, outcomes: Sequence[Outcome], faces: Sequence[str], folder: Path, quiet: bool
) -> list[Path]:
    """Make what was asked for but the explanation; returns the files."""
    made = []
    if extras.grid or len(outcomes) > 1:
        record = {"results": [outcome.record for outcome in outcomes]}
        made.append(atomic_write(folder / "grid.png", png_bytes(grid(editor, outcomes, faces), record)))
    if extras.video:
        made.append(write_video(frames(editor, outcomes, quiet), folder / f"sweep.{extras.video}"))
    if extras.save_direction:
        made.append(save_direction(outcomes[0].turns[0].edit, editor.models, extras.save_direction))
    return made


def grid(editor: Editor, outcomes: Sequence[Outcome], faces: Sequence[str]) -> Image:
    """The labelled sheet of all outcomes; a single strength is shown among others."""
    single = len({outcome.combination.alpha for outcome in outcomes}) == 1
    views = [view for each in outcomes for view in (each.views(editor) if single else [each.view()])]
    return sheet(thumbnails(editor.render(outcomes[0].source)), views, faces)


def frames(editor: Editor, outcomes: Sequence[Outcome], quiet: bool) -> list[Image]:
    """A sweep there and back."""
    there = list[Image]()
    with Progress("sweep", quiet) as progress:
        for frame in sweep(editor, ends(outcomes)):
            there.append(frame)
            progress.show(len(there), FRAMES)
    return [*there, *there[-2:0:-1]]


def ends(outcomes: Sequence[Outcome]) -> dict[str, tuple[Latent, Latent]]:
    """Where a sweep begins and ends, for the label of each beta: at the lowest and highest of several numbers, else at
    the source and the last outcome.
    """
    found: dict[str, tuple[Latent, Latent]] = {}
    for beta in dict.fromkeys(outcome.combination.beta for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.combination.beta == beta]
        numbers = {each.alpha: each.edited for each in own if isinstance(each.alpha, float)}
        first = numbers[min(numbers)] if len(numbers) > 1 else own[0].source
        last = numbers[max(numbers)] if len(numbers) > 1 else own[-1].edited
        found[own[0].beta] = first, last
    return found


def explain(editor: Editor, outcomes: Sequence[Outcome], folder: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """What every direction is made of, and the files that tell so."""
    edits = [turn.edit for outcome in outcomes for turn in outcome.turns]
    each = {(edit.prompt, edit.beta): edit for edit in edits}.values()  # whatever its strength
    told = [explanation(edit, editor.models.generator.layout) for edit in each]
    with atomic_path(folder / "channels.png") as temporary:
        plot(told, temporary)
    return told, [folder / "channels.png", atomic_write(folder / "channels.json", to_json(told).encode())]
