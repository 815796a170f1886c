"""One photo after the other: a failure never stops the rest, and a summary says what happened to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from styleclip.alignment.photos import find_photos
from styleclip.cli.common import Common
from styleclip.errors import StyleClipError


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a photo."""

    photo: Path
    paths: Sequence[Path]
    record: dict[str, Any]
    note: str = ""
    interrupted: str = ""  # what to say after Ctrl-C
    error: str = ""

    def line(self) -> str:
        """For the summary."""
        if self.error:
            return f"{self.photo}: failed: {self.error}"
        return f"{self.photo}: {self.paths[0]}" + (f" ({self.note})" if self.note else "")

    def told(self) -> dict[str, Any]:
        """For the record."""
        told = {"photo": self.photo, **self.record}
        return {**told, "error": self.error} if self.error else {**told, "note": self.note, "files": [*self.paths]}


Work = Callable[[Path, Path], Outcome]  # a photo, and the folder of its results


def each_photo(
    common: Common, names: Sequence[str], folder: Path, work: Work, end: Callable[[], Sequence[Path]] = list
) -> None:
    """Work on all photos that are meant and report; a single one in `folder`, several each in a folder of its name.

    Ends the command with exit code 1 where some of several failed, with 130 after Ctrl-C; `end` comes before the
    report and gives files that belong to all. What a single photo lacks is raised.
    """
    photos = find_photos(names)
    outcomes: list[Outcome] = []
    several = len(photos) > 1
    for photo, place in places(photos, folder).items():
        try:
            outcomes.append(_worked(work, photo, place) if several else work(photo, place))
        except KeyboardInterrupt:
            if not outcomes:
                raise
            outcomes.append(Outcome(photo, [], {}, error="interrupted", interrupted="Interrupted; kept what was done"))
        if several and not common.as_json:
            click.echo(outcomes[-1].line())
        if outcomes[-1].interrupted:
            break
    shared = end() if several else ()
    if not several:
        common.report(outcomes[0].paths, outcomes[0].told())
    elif common.as_json:
        files = [*(path for outcome in outcomes for path in outcome.paths), *shared]
        common.report(files, {"photos": [outcome.told() for outcome in outcomes]})
    elif shared:
        click.echo("\n".join(map(str, shared)))
    _finish(outcomes, len(photos))


def places(photos: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """The folder of each photo: its name without the suffix, with it where two would share one."""
    if len(photos) == 1:
        return {photos[0]: folder}
    stems = [photo.stem for photo in photos]
    names: dict[Path, str] = {}
    for photo in photos:
        name = photo.stem if stems.count(photo.stem) == 1 else photo.name
        taken, number = set(names.values()), 2
        while name in taken:  # the same name in several folders
            name, number = f"{photo.name}-{number}", number + 1
        names[photo] = name
    return {photo: folder / name for photo, name in names.items()}


def _worked(work: Work, photo: Path, place: Path) -> Outcome:
    try:
        return work(photo, place)
    except StyleClipError as error:
        return Outcome(photo, [], {}, error=str(error))


def _finish(outcomes: Sequence[Outcome], count: int) -> None:
    if said := outcomes[-1].interrupted:
        before = f", and {len(outcomes) - 1} of {count} photos before" if count > 1 else ""
        click.echo(said + before, err=True)
        click.get_current_context().exit(130)
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise click.ClickException(f"{len(failed)} of {count} photos failed; the summary says why")
