"""One photo after the other: a failure never stops the rest, and a summary says what happened to each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from styleclip.cli import unexpected_error_message
from styleclip.cli.options.common import CommonOptions
from styleclip.errors import StyleClipError, UsageError
from styleclip.files import output_folder

COMMAND_ENDS = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)  # what ends the command


@dataclass(frozen=True, eq=False)
class PhotoOutcome:
    """What became of a photo; of one that failed or was interrupted before anything was kept only the reason."""

    photo: Path
    shown: Path | None = None  # what to look at first
    paths: Sequence[Path] = ()
    record: dict[str, Any] | None = None
    note: str = ""
    interrupted: str = ""  # what to say after Ctrl-C
    error: str = ""

    def line(self) -> str:
        """For the summary."""
        if self.shown is None:
            return f"{self.photo}: {f'failed: {self.error}' if self.error else 'interrupted'}"
        return f"{self.photo}: {self.shown}" + (f" ({self.note})" if self.note else "")

    def told(self) -> dict[str, Any]:
        """For the record."""
        told = {"photo": self.photo, **(self.record or {})}
        if self.shown is None:
            return {**told, "error": self.error or "interrupted"}
        return {**told, "note": self.note, "files": [*self.paths]}


Work = Callable[[Path, Path], PhotoOutcome]  # a photo, and the folder of its results


def run_photos(
    common: CommonOptions, photos: Sequence[Path], folder: Path, work: Work, end: Callable[[], Sequence[Path]] = list
) -> None:
    """Work on all photos and report; a single one in `folder`, several each in a folder of its name.

    Ends the command with exit code 1 where some of several failed, with 130 after Ctrl-C; `end` comes before the
    report and gives files that belong to all. What a single photo lacks is raised.
    """
    if len(photos) == 1:
        outcome = work(photos[0], folder)
        common.report(outcome.paths, outcome.told())
        if outcome.note and not (common.quiet or common.as_json):
            click.echo(f"{outcome.photo}: {outcome.note}", err=True)
        _finish([outcome], 1)
        return
    outcomes: list[PhotoOutcome] = []
    for photo, place in output_folders(photos, folder).items():
        outcomes.append(_run_safely(work, photo, place))
        if not common.as_json:
            click.echo(outcomes[-1].line())
        if outcomes[-1].interrupted:
            break
    shared = end()
    if common.as_json:
        files = [*(path for outcome in outcomes for path in outcome.paths), *shared]
        common.report(files, {"photos": [outcome.told() for outcome in outcomes]})
    elif shared:
        common.report(shared, {})
    _finish(outcomes, len(photos))


def output_folders(photos: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """The folder of each of several photos: its name without the suffix, with it where two would share one."""
    stems = [photo.stem for photo in photos]
    names: dict[Path, str] = {}
    for photo in photos:
        name = photo.stem if stems.count(photo.stem) == 1 else photo.name
        taken, number = set(names.values()), 2
        while name in taken:  # the same name in several folders
            name, number = f"{photo.name}-{number}", number + 1
        names[photo] = name
    return {photo: folder / name for photo, name in names.items()}


def check_output_folder(photo: Path, place: Path, patterns: Sequence[str], overwrite: bool) -> None:
    """See that `place` can take the results of a photo, and that none of them would replace the photo itself."""
    output_folder(place, patterns, overwrite)
    if any(found.samefile(photo) for pattern in patterns for found in place.glob(pattern)):
        raise UsageError(f"{photo} has the name of a result and would be replaced by it; pass another --out")


def _run_safely(work: Work, photo: Path, place: Path) -> PhotoOutcome:
    """The outcome, whatever happens; a folder that stayed empty is removed."""
    try:
        return work(photo, place)
    except KeyboardInterrupt:
        return PhotoOutcome(photo, interrupted="Interrupted")
    except StyleClipError as error:
        return PhotoOutcome(photo, error=str(error))
    except COMMAND_ENDS:
        raise
    except Exception as error:
        if os.environ.get("STYLECLIP_DEBUG") == "1":
            raise
        return PhotoOutcome(photo, error=unexpected_error_message(error))
    finally:
        with suppress(OSError):
            place.rmdir()


def _finish(outcomes: Sequence[PhotoOutcome], count: int) -> None:
    if outcomes[-1].interrupted:
        click.echo(_interrupt_message(outcomes, count), err=True)
        click.get_current_context().exit(130)
    failed = sum(outcome.shown is None for outcome in outcomes)
    if failed:
        raise click.ClickException(f"{failed} of {count} photos failed; the summary says why")


def _interrupt_message(outcomes: Sequence[PhotoOutcome], count: int) -> str:
    """What to say after Ctrl-C: what is kept of the photo at work, and how many were finished before."""
    *before, last = outcomes
    done = sum(outcome.shown is not None for outcome in before)
    if last.shown is None:
        return f"{last.interrupted}; kept {done} of {count} photos" if done else "Interrupted; nothing was kept"
    return last.interrupted + (f", and {done} of {count} photos before" if done else "")
