"""Photos one by one: a failure does not stop the rest, and a summary has a line for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import click

from styleclip.alignment.photo_paths import FoundPhotos, output_folders
from styleclip.cli import unexpected_error_message
from styleclip.cli.options.common import CommonOptions
from styleclip.cli.output.printing import print_lines
from styleclip.errors import StyleClipError
from styleclip.interrupts import exit_code
from styleclip.storage.files import kept_files
from styleclip.storage.result_folder import ResultFolder

COMMAND_ENDS = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)  # never failures of a photo


class PhotoJob:
    """One photo, the folder of its results, and their state: `with job: ... job.keep(...)`.

    An error within the block is raised for a single photo; of several it is that photo's line of the summary. Ctrl-C
    keeps the faces that are complete.
    """

    def __init__(self, photo: Path, folder: Path, common: CommonOptions, alone: bool) -> None:
        self.photo, self.folder, self.common, self.alone = photo, folder, common, alone
        self.shown: Path | None = None  # the file or folder to look at first; None where nothing was kept
        self.paths: list[Path] = []
        self.records: dict[str, dict[str, Any]] = {}  # of complete faces, by name
        self.extra: dict[str, Any] = {}  # more of the record
        self.note = ""
        self.interrupted = ""  # the message after Ctrl-C
        self.error = ""
        self.output: ResultFolder | None = None  # of jobs that write files themselves

    def __enter__(self) -> PhotoJob:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        try:
            if isinstance(error, KeyboardInterrupt) and self.records:
                self.interrupted = f"Interrupted; kept {', '.join(filter(None, self.records)) or 'the edit'}"
            elif error is not None:
                raise error
            self.conclude()
            if self.output is not None:
                self.output.commit()
            self.shown = self.shown or self.folder
        except BaseException as problem:
            if self.output is not None:
                self.output.discard()
            if self.alone or isinstance(problem, COMMAND_ENDS):
                raise
            self._fail(problem)
        return True

    def keep(self, name: str, paths: Sequence[Path], record: dict[str, Any]) -> None:
        """Note a complete face, its files and its record."""
        self.paths += paths
        self.records[name] = record

    def conclude(self) -> None:
        """Finish the photo once all faces are complete, or after Ctrl-C with those that are kept."""

    def line(self) -> str:
        """The line of the summary."""
        if self.shown is None:
            return f"{self.photo}: {f'failed: {self.error}' if self.error else 'interrupted'}"
        return f"{self.photo}: {self.shown}" + (f" ({self.note})" if self.note else "")

    def record(self) -> dict[str, Any]:
        """The record for `--json`."""
        if self.shown is None:
            return {"photo": self.photo, "error": self.error or "interrupted"}
        faces = [*self.records.values()]
        return {"photo": self.photo, "faces": faces, **self.extra, "note": self.note, "files": [*self.paths]}

    def _fail(self, problem: BaseException) -> None:
        """Note why the photo failed; its folder is removed where it stayed empty."""
        if isinstance(problem, KeyboardInterrupt):
            self.interrupted = "Interrupted"
        elif isinstance(problem, StyleClipError):
            self.error = str(problem)
        elif not isinstance(problem, Exception) or os.environ.get("STYLECLIP_DEBUG") == "1":
            raise problem
        else:
            self.error = unexpected_error_message(problem)
        with suppress(OSError):
            self.folder.rmdir()


Job = TypeVar("Job", bound=PhotoJob)


class PhotoBatch(Generic[Job]):
    """The photos of one call as jobs: a single one in `folder`, several each in a folder of its name.

    Files that were skipped as no photos are told at the end, each in a line; they are no failures.

    Example:
        batch = PhotoBatch(common, find_photos(["holiday"]), folder, PhotoJob)
        for job in batch:
            with job:
                job.keep("", paths, record)
        batch.finish()
    """

    def __init__(
        self,
        common: CommonOptions,
        found: FoundPhotos,
        folder: Path,
        make_job: Callable[[Path, Path, CommonOptions, bool], Job],
    ) -> None:
        self.common, self.photos, self.skipped = common, found.photos, found.skipped
        self.folders = output_folders(found.photos, folder) if len(found.photos) > 1 else {found.photos[0]: folder}
        self.make_job = make_job
        self.jobs: list[Job] = []

    def __iter__(self) -> Iterator[Job]:
        """The jobs until Ctrl-C; of several photos each ends with its line of the summary."""
        alone = len(self.photos) == 1
        for photo, folder in self.folders.items():
            job = self.make_job(photo, folder, self.common, alone)
            self.jobs.append(job)
            yield job
            if not (alone or self.common.as_json):
                print_lines(job.line())
            if job.interrupted:
                break

    def finish(self, shared: Sequence[Path] = ()) -> None:
        """Report, with files that belong to all photos; exit code 130 after Ctrl-C, 1 where one of several failed."""
        skipped = (
            {"skipped": [{"file": file, "error": why} for file, why in self.skipped.items()]} if self.skipped else {}
        )
        if not self.common.as_json:
            for file, why in self.skipped.items():
                print_lines(f"{file}: skipped: {why}", err=len(self.photos) == 1)
        if len(self.photos) == 1:
            [job] = self.jobs
            self.common.report(job.paths, {**job.record(), **skipped})
            if job.note and not (self.common.quiet or self.common.as_json):
                print_lines(f"{job.photo}: {job.note}", err=True)
        elif self.common.as_json:
            files = [*(path for job in self.jobs for path in job.paths), *shared]
            self.common.report(files, {"photos": [job.record() for job in self.jobs], **skipped})
        elif shared:
            self.common.report(shared, {})
        if self.jobs[-1].interrupted:
            print_lines(self._interrupt_message(), err=True)
            click.get_current_context().exit(exit_code())
        failed = sum(job.shown is None for job in self.jobs)
        if failed:
            raise click.ClickException(f"{failed} of {len(self.photos)} photos failed; the summary says why")

    def _interrupt_message(self) -> str:
        """The message after Ctrl-C: what is kept of the current photo, and how many photos are complete."""
        *before, last = self.jobs
        done, count = sum(job.shown is not None for job in before), len(self.photos)
        if last.shown is None:
            return f"{last.interrupted}; kept {done} of {count} photos" if done else f"Interrupted; {kept_files()}"
        return last.interrupted + (f", and {done} of {count} photos before" if done else "")
