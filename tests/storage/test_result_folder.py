"""A result replaces an earlier one as a whole, whatever happens on the way, and only one process writes a folder."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from styleclip.errors import OutputError, UsageError
from styleclip.results import COMPANIONS, RESULT_FILES
from styleclip.storage import locks
from styleclip.storage.files import atomic_write
from styleclip.storage.locks import output_lock
from styleclip.storage.result_folder import ResultFolder, locked_file, locked_folder
from styleclip.storage.temporaries import final_path
from tests.helpers.support import edit_result

PATTERNS, MORE = ("result.json", "a*.png", "face_[0-9]*/after.png"), ("frames/*.png",)
OLD = {"result.json": b"old", "a1.png": b"old", "a2.png": b"old", "face_3/after.png": b"old", "frames/1.png": b"old"}
NEW = {"result.json": b"new", "a1.png": b"new", "face_1/after.png": b"new", "grid.png": b"new"}
MINE = {"notes.txt": b"mine", "face_3/notes.txt": b"mine", "b.png": b"mine", "holiday/a1.png": b"mine"}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        atomic_write(folder / name, content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def replace(folder: Path) -> None:
    with ResultFolder(folder, PATTERNS, True, MORE) as output:
        write(output.place, NEW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(write(tmp_path / "out", OLD), MINE)


def test_a_result_is_replaced_as_a_whole(folder: Path) -> None:
    with ResultFolder(folder, PATTERNS, True, MORE) as output:
        assert output.place != folder and final_path(output.place / "a" / "b") == folder / "a" / "b"
        write(output.place, NEW)
        assert read(folder).items() >= {**OLD, **MINE}.items()
    assert read(folder) == {**NEW, **MINE}
    assert not (folder / "frames").exists()


def test_where_there_is_no_result_files_appear_at_once(tmp_path: Path) -> None:
    with ResultFolder(tmp_path / "new", PATTERNS) as output:
        assert output.place == tmp_path / "new"
        write(output.place, NEW)
    assert read(tmp_path / "new") == NEW


def test_what_stands_alone_is_no_companion_of_a_result(tmp_path: Path) -> None:
    """Pictures in `frames` belong to a result only where there is one."""
    write(tmp_path, {"frames/1.png": b"mine", "a1.png": b"torn"})
    replace(tmp_path)
    assert read(tmp_path) == {**NEW, "frames/1.png": b"mine"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_an_error_keeps_the_earlier_result(folder: Path, error: Any) -> None:
    def fail() -> None:
        with ResultFolder(folder, PATTERNS, True, MORE) as output:
            write(output.place, NEW)
            raise error

    with pytest.raises((RuntimeError, KeyboardInterrupt, OSError)):
        fail()
    assert read(folder) == {**OLD, **MINE}


def test_earlier_results_are_refused(folder: Path) -> None:
    with pytest.raises(OutputError, match="already holds results .*; pass --overwrite"):
        ResultFolder(folder, PATTERNS, False, MORE)
    with pytest.raises(UsageError, match="has the name of a result"):
        ResultFolder(folder, PATTERNS, True, MORE, folder / "a1.png")
    replace(folder)  # neither holds the lock


@pytest.mark.parametrize("name", ["a1.png", "result.json", "grid.png", "face_1/after.png"])
def test_a_folder_with_the_name_of_a_result_stays(folder: Path, name: str) -> None:
    """It is no file of a result: what is in it belongs to someone else."""
    (folder / name).unlink(missing_ok=True)
    mine = {f"{name}/notes.txt": b"mine"}
    write(folder, mine)
    earlier = read(folder)
    with pytest.raises(OutputError, match=f"{name} is a folder, but a file is to have its name; move it or pass"):
        replace(folder)
    assert read(folder) == earlier and earlier.items() >= mine.items()
    assert not list(folder.glob(".*"))


def test_a_link_that_leads_nowhere_is_replaced(folder: Path, tmp_path: Path) -> None:
    (folder / "a1.png").unlink()
    (folder / "a1.png").symlink_to(tmp_path / "gone")
    (tmp_path / "photo.png").touch()
    with ResultFolder(folder, PATTERNS, True, MORE, tmp_path / "photo.png") as output:
        write(output.place, NEW)
    assert read(folder) == {**NEW, **MINE} and not (tmp_path / "gone").exists()


def test_nothing_is_left_of_a_folder_that_was_made_in_vain(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for lock, target in ((locked_folder, tmp_path / "a/b/c"), (locked_file, tmp_path / "a/b/c/d.safetensors")):
        with suppress(RuntimeError), lock(target):
            assert (tmp_path / "a/b/c").is_dir()
            raise RuntimeError
        assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_lock_that_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    """The disk is full, and then it is not."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    lock = locked_folder if is_folder else locked_file
    with monkeypatch.context() as patched:
        patched.setattr(locks.os, "write", fail)
        with pytest.raises(OutputError, match="the disk is full"), lock(tmp_path / "out"):
            raise AssertionError
    assert not list(tmp_path.iterdir())
    with lock(tmp_path / "out"):
        pass


def test_a_kill_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every call that changes the disk: the files of one result, whole where there is its record, never of two."""
    for calls in range(100):
        folder = write(write(tmp_path / str(calls), OLD), MINE)
        finished = _replace_until_killed(folder, monkeypatch, calls)
        found = read(folder)
        visible = {name: found[name] for name in found if not name.startswith(".styleclip") and name not in MINE}
        assert len(set(visible.values())) <= 1 and found.items() >= MINE.items()
        assert "result.json" not in visible or visible in (OLD, NEW)
        with locked_folder(folder):
            pass
        assert read(folder) in ({**OLD, **MINE}, {**NEW, **MINE})
        replace(folder)
        assert read(folder) == {**NEW, **MINE}
        if finished:
            break
    assert finished and calls > 15


def _replace_until_killed(folder: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> bool:
    """Whether a replacement ended before so many calls, after which the process is dead as far as a test can tell."""
    left = calls

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise SystemError
            return function(*arguments, **options)

        return wrapped

    with monkeypatch.context() as patched, suppress(SystemError):
        for module, name in ((os, "replace"), (Path, "rename"), (Path, "mkdir"), (Path, "rmdir"), (shutil, "rmtree")):
            patched.setattr(module, name, counted(getattr(module, name)))
        patched.setattr(ResultFolder, "discard", lambda self: self._stack.close())
        replace(folder)
        return True
    return False


def test_an_edit_replaces_an_edit(tmp_path: Path) -> None:
    """A batch of two, with a video, frames and a tuning; then a single result."""
    edit_result(2).save(tmp_path)
    companions = (
        "video.mp4",
        "frames/00010.png",
        "grid.png",
        "latent.tuning.safetensors",
        "sweep.gif",
        "channels.json",
    )
    write(tmp_path, dict.fromkeys(companions, b"old"))
    mine = {"frames/me.png": b"", "mybefore.png": b"", "holiday_after.png": b"", "video.txt": b""}
    write(tmp_path, mine)
    with pytest.raises(OutputError, match="already holds results"):
        edit_result().save(tmp_path)
    paths = edit_result().save(tmp_path, overwrite=True)
    assert set(read(tmp_path)) == {path.name for path in paths} | set(mine)
    assert all(path.parent == tmp_path for path in paths)
    assert len(set(RESULT_FILES) & set(COMPANIONS)) == 0


# --- locks

CASES = [(None, "", True), (1, "", False), (2**22 + 1, "", True), (1, "x", True)]


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    refused: list[str] = []

    def second() -> None:
        try:
            ResultFolder(tmp_path, PATTERNS)
        except OutputError as error:
            refused.append(str(error))

    with ResultFolder(tmp_path, PATTERNS), ResultFolder(tmp_path, PATTERNS):  # a thread may take it twice
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "is being written by another styleclip" in refused[0] and "choose another --out" in refused[0]
    assert not list(tmp_path.iterdir())
    second()
    assert len(refused) == 1


@pytest.mark.parametrize("is_folder", [True, False])
def test_processes_exclude_each_other(tmp_path: Path, is_folder: bool) -> None:
    """The second is refused while the first lives; a killed one leaves no obstacle."""
    target = tmp_path / ("n" * 250)
    if is_folder:
        target.mkdir()
    code = (
        "import sys, time; from pathlib import Path; from styleclip.storage.locks import output_lock\n"
        "with output_lock(Path(sys.argv[1]), sys.argv[2] == 'True'): print('in', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(target), str(is_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "in\n"
        with (
            pytest.raises(OutputError, match=rf"\(process {process.pid}\); wait until that ends"),
            output_lock(target, is_folder),
        ):
            raise AssertionError
        process.kill()
        process.wait()
    with output_lock(target, is_folder) as first:
        assert first
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("pid", "host", "free"), [(None, "", True), (1, "", False), (2**22 + 1, "", True), (1, "x", True)]
)
def test_where_files_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: int | None, host: str, free: bool
) -> None:
    """The process that the file names decides: whether it runs on this machine."""
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks.platform, "node", lambda: "")
    if pid is not None:
        (tmp_path / ".styleclip.lock").write_text(f'{{"pid": {pid}, "host": "{host}"}}')
    if free:
        replace(tmp_path)
        replace(tmp_path)
        assert read(tmp_path) == NEW
        return
    with pytest.raises(OutputError, match=r"\(process 1\); wait .*; if none runs, delete .*\.styleclip\.lock$"):
        replace(tmp_path)


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".styleclip.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match="cannot write"):
        replace(tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["frames", "face_2"])
def test_a_linked_folder_of_a_result_is_refused(tmp_path: Path, name: str, overwrite: bool) -> None:
    """Through it the files would leave the folder; the folder itself may be a link."""
    elsewhere = write(tmp_path / "elsewhere", {"after.png": b"mine", "1.png": b"mine"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(elsewhere)
    with pytest.raises(OutputError, match=f"{name} is a link to another place; remove it or pass another --out"):
        ResultFolder(tmp_path / "out", () if name == "face_2" else PATTERNS, overwrite, (*MORE, *PATTERNS[2:]))
    assert read(elsewhere) == {"after.png": b"mine", "1.png": b"mine"}
    (tmp_path / "link").symlink_to(write(tmp_path / "there", {"notes.txt": b"mine"}))
    replace(tmp_path / "link")
    assert read(tmp_path / "there") == {"notes.txt": b"mine", **NEW}
