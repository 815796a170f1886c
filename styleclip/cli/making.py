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
from styleclip.editor import Editor
from styleclip.files import atomic_path, atomic_write, to_json
from styleclip.images import png_bytes, write_video
from styleclip.methods.style_direction import save_direction
from styleclip.sweep_sheets import FRAMES, SweepSummary, sweep_frames, sweep_range, sweep_sheet


def make(
    extras: OutputOptions, editor: Editor, outcomes: Sequence[Outcome], faces: Sequence[str], folder: Path, quiet: bool
) -> list[Path]:
    """Make what was asked for but the explanation; returns the files."""
    made, summaries = [], [outcome.summary for outcome in outcomes]
    if extras.grid or len(outcomes) > 1:
        record = {"results": [outcome.record for outcome in outcomes]}
        made.append(atomic_write(folder / "grid.png", png_bytes(sweep_sheet(editor, summaries, faces), record)))
    if extras.video:
        made.append(write_video(frames(editor, summaries, quiet), folder / f"sweep.{extras.video}"))
    if extras.save_direction:
        made.append(save_direction(summaries[0].point.directions[0], editor.models, extras.save_direction))
    return made


def frames(editor: Editor, summaries: Sequence[SweepSummary], quiet: bool) -> list[Image]:
    """A sweep there and back."""
    there = list[Image]()
    with Progress("sweep", quiet) as progress:
        for frame in sweep_frames(editor, sweep_range(summaries)):
            there.append(frame)
            progress.show(len(there), FRAMES)
    return [*there, *there[-2:0:-1]]


def explain(editor: Editor, outcomes: Sequence[Outcome], folder: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """What every direction is made of, and the files that tell so."""
    edits = [direction for outcome in outcomes for direction in outcome.summary.point.directions]
    each = {(edit.prompt, edit.beta): edit for edit in edits}.values()  # whatever its strength
    told = [explanation(edit, editor.models.generator.layout) for edit in each]
    with atomic_path(folder / "channels.png") as temporary:
        plot(told, temporary)
    return told, [folder / "channels.png", atomic_write(folder / "channels.json", to_json(told).encode())]
