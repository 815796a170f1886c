"""The folder of a result, in which a new result takes the place of an earlier one as a whole.

Where a folder holds an earlier result, the new files go to `.styleclip-X.new` within it. `commit` renames that to
`.styleclip-X.swap`, moves the earlier files to `.styleclip-X.old`, moves the new ones to their places, result.json
last, and removes both. A kill before the rename leaves the earlier result; after it, the next run completes the swap.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from styleclip.errors import OutputError
from styleclip.interrupts import defer_interrupts
from styleclip.storage.files import (
    atomic_write,
    is_same_path,
    naming_disk_errors,
    note_written,
    output_folder,
    refuse_folders,
)
from styleclip.storage.locks import output_lock
from styleclip.storage.temporaries import STAGING_NAME

RECORD_FILES = ("result.json", "report.json")  # written last: where one exists, its result is complete
LISTED = "files.json"  # in the folder of the earlier files: their names


class ResultFolder:
    """A folder that takes a result, locked until `commit` or `discard`.

    Files are written to `place`: the folder itself, or one within it where there is an earlier result.

    Args:
        folder: the folder; it may hold other files too, which stay.
        patterns: the names that the files of a result may have in it. Raises OutputError where there are such files,
            unless `overwrite`, and where a folder of the result is a link.
        overwrite: whether an earlier result may be replaced.
        companions: names of files that belong to a result where there is one, and are replaced with it.
        source: the file that the result is made from. Raises UsageError where it is among the files of a result.

    Example:
        with ResultFolder(Path("out"), ["result.json", "*.png"], overwrite=True) as output:
            atomic_write(output.place / "result.json", content)
    """

    def __init__(
        self,
        folder: Path,
        patterns: Sequence[str],
        overwrite: bool = False,
        companions: Sequence[str] = (),
        source: Path | None = None,
    ) -> None:
        self.folder = self.place = folder
        self._stack = ExitStack()
        with self._stack:
            self._stack.enter_context(locked_folder(folder))
            output_folder(folder, patterns, overwrite, source)
            _refuse_linked_folders(folder, [*patterns, *companions])
            self._earlier = _matching_files(folder, patterns)
            if any(path.name in RECORD_FILES for path in self._earlier):
                beside = _matching_files(folder, companions)
                self._earlier += [path for path in beside if not is_same_path(path, source)]
            if self._earlier:
                with naming_disk_errors(folder):
                    self.place = folder / f".styleclip-{secrets.token_hex(8)}.new"
                    self.place.mkdir()
            self._stack = self._stack.pop_all()

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()

    def commit(self) -> None:
        """Replace the earlier result, where there is one, and release the folder; raises OutputError."""
        with self._stack:
            if self.place != self.folder and self.place.exists():
                try:
                    with naming_disk_errors(self.folder), defer_interrupts():
                        complete_swap(self._decide())
                finally:
                    self._remove_new()
            self.place = self.folder

    def discard(self) -> None:
        """Keep the earlier result, where there is one, and release the folder."""
        with self._stack:
            if self.place != self.folder:
                self._remove_new()
                self.place = self.folder

    def _remove_new(self) -> None:
        """Remove the new files unless the swap has begun, which the next run completes."""
        if not self.place.with_suffix(".swap").exists():
            for place in (self.place, self.place.with_suffix(".old")):
                shutil.rmtree(place, ignore_errors=True)

    def _decide(self) -> Path:
        """List the files to be replaced and rename the folder of the new ones: from here on the swap is completed."""
        replaced = [self.folder / path.relative_to(self.place) for path in _files_in(self.place)]
        refuse_folders(replaced)
        earlier = {path.relative_to(self.folder) for path in (*self._earlier, *filter(os.path.lexists, replaced))}
        old = self.place.with_suffix(".old")
        old.mkdir()
        names = [os.fsencode(path).hex() for path in sorted(earlier, key=_is_record, reverse=True)]
        atomic_write(old / LISTED, json.dumps(names).encode())
        return self.place.rename(self.place.with_suffix(".swap"))


@contextmanager
def locked_folder(folder: Path) -> Iterator[Path]:
    """Make and lock a folder, and complete what a killed process left in it. Raises OutputError.

    Folders that are made for it and hold nothing at the end of the block are removed.
    """
    with ExitStack() as stack:
        stack.enter_context(folders_made(folder))
        with naming_disk_errors(folder):
            if stack.enter_context(output_lock(folder, is_folder=True)):
                complete_swaps(folder)
        yield folder


@contextmanager
def locked_file(path: Path) -> Iterator[Path]:
    """Make the folder of a file and lock the file, which need not exist. Raises OutputError.

    Folders that are made for it and hold nothing at the end of the block are removed.
    """
    with ExitStack() as stack:
        stack.enter_context(folders_made(path.parent))
        with naming_disk_errors(path):
            stack.enter_context(output_lock(path))
        yield path


@contextmanager
def folders_made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; of the new ones, remove at the end of the block what is empty."""
    made = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    with naming_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for place in made:
            with suppress(OSError):
                place.rmdir()


def complete_swaps(folder: Path) -> None:
    """Complete the swaps of killed processes in a folder, and remove new files that were not complete."""
    found = [Path(entry.path) for entry in os.scandir(folder) if STAGING_NAME.fullmatch(entry.name)]
    for swap in (path for path in found if path.suffix == ".swap"):
        complete_swap(swap)
    for path in found:
        shutil.rmtree(path, ignore_errors=True)


def complete_swap(swap: Path) -> None:
    """Move the earlier files away and the new ones to their places; may be called again after a kill.

    Raises OutputError where the list of the earlier files is damaged or names files outside of the folder.
    """
    folder, old = swap.parent, swap.with_suffix(".old")
    new = {folder / path.relative_to(swap): path for path in sorted(_files_in(swap), key=_is_record)}
    _refuse_outside(new, folder, swap)
    for number, path in enumerate(_earlier_files(folder, old)):
        away = old / str(number)
        if os.path.lexists(path) and not os.path.lexists(away):
            path.rename(away)
            _remove_empty(path.parent, folder)
    for target, path in new.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        note_written(target)
    shutil.rmtree(swap)
    shutil.rmtree(old)


def _earlier_files(folder: Path, old: Path) -> list[Path]:
    """The files that are replaced, as the folder of the earlier files lists them."""
    try:
        names = [os.fsdecode(bytes.fromhex(name)) for name in json.loads((old / LISTED).read_bytes())]
        paths = [folder / name for name in names]
        _refuse_outside(paths, folder, old)
    except (ValueError, TypeError) as error:  # TypeError: JSON of other things than a list of texts
        raise OutputError(f"{old / LISTED} is damaged; delete {old} and {old.stem}.swap beside it") from error
    return paths


def _refuse_outside(paths: Iterable[Path], folder: Path, staging: Path) -> None:
    """Raise OutputError where one of the files lies outside of the folder, by its name or through a link."""
    top = os.path.realpath(folder)
    for path in paths:
        if not Path(os.path.realpath(path.parent)).is_relative_to(top):
            raise OutputError(f"{staging} names a file outside of {folder}; delete {staging.stem}.* in it")


def _matching_files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    found = {path: None for pattern in patterns for path in folder.glob(pattern) if not path.is_dir()}
    return [path for path in found if not any(STAGING_NAME.fullmatch(part) for part in path.parts)]


def _refuse_linked_folders(folder: Path, patterns: Iterable[str]) -> None:
    """Raise OutputError where a folder of the result is a link, through which files would leave `folder`."""
    parents = {str(parent) for pattern in patterns for parent in Path(pattern).parents if parent.name}
    for path in (path for parent in sorted(parents) for path in folder.glob(parent)):
        if path.is_symlink():
            raise OutputError(f"{path} is a link to another place; remove it or pass another --out")


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]


def _is_record(path: Path) -> bool:
    return path.name in RECORD_FILES


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder that has become empty, and those above it up to `top`."""
    while folder != top:
        with suppress(OSError):
            folder.rmdir()
        folder = folder.parent
