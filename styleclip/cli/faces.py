"""The faces of one photo, each inverted when it is asked for. Imported when a command works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from styleclip.cli.output.progress import Progress
from styleclip.inversion.invert import Invert
from styleclip.inversion.result import Inversion
from styleclip.models import Models
from styleclip.progress import OnStep, Step


def inverted(inverter: Invert, models: Models, photo: Path, quiet: bool) -> Iterator[tuple[str, Inversion]]:
    """The faces that are meant, from left to right, each with the name of its folder: "" for the only one."""
    frames = inverter.frames(models, photo)
    for number, frame in enumerate(frames, start=1):
        name = f"face_{number}" if len(frames) > 1 else ""
        label = f"{photo.name}, face {number} of {len(frames)}" if name else photo.name
        with _bars(label, quiet) as on_step:
            inversion = inverter.invert(models, frame, on_step)
        yield name, inversion


@contextmanager
def _bars(label: str, quiet: bool) -> Iterator[OnStep]:
    """An `on_step` that shows a bar for each stage."""
    with ExitStack() as shown:
        bars: dict[str, Progress] = {}

        def on_step(step: Step) -> None:
            if step.stage not in bars:
                shown.close()
                bars[step.stage] = shown.enter_context(Progress(f"{label}: {step.stage}", quiet))
            bars[step.stage](step)

        yield on_step
