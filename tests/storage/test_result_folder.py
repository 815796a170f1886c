"""A result replaces an earlier one as a whole, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from styleclip.errors import OutputError, UsageError
from styleclip.results import COMPANIONS, RESULT_FILES
from styleclip.storage.result_folder import ResultFolder, locked_folder
from styleclip.storage.temporaries import final_path
from tests.helpers.result_folders import MORE, NEW, PATTERNS, read, replace, write
from tests.helpers.support import edit_result

OLD = {"result.json": b"old", "a1.png": b"old", "a2.png": b"old", "face_3/after.png": b"old", "frames/1.png": b"old"}
MINE = {"notes.txt": b"mine", "face_3/notes.txt": b"mine", "b.png": b"mine", "holiday/a1.png": b"mine"}


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


@pytest.mark.parametrize("name", ["../precious.txt", "/precious.txt", "linked/precious.txt", "a\0b/c", None])
def test_a_swap_that_names_files_elsewhere_is_not_completed(tmp_path: Path, name: str | None) -> None:
    """As in a folder that another person packed."""
    precious = write(tmp_path / "own", {"precious.txt": b"mine"}) / "precious.txt"
    folder = write(tmp_path / "own" / "out", {".styleclip-0123456789abcdef.swap/result.json": b"new"})
    (folder / "linked").symlink_to(tmp_path / "own")
    told = str(precious) if name == "/precious.txt" else name
    listed = json.dumps([os.fsencode(told).hex()] if told else {"a": 1})
    write(folder, {".styleclip-0123456789abcdef.old/files.json": listed.encode()})
    with pytest.raises(OutputError, match="outside of|is damaged; delete"):
        replace(folder)
    assert precious.read_bytes() == b"mine" and not (folder / "result.json").exists()


def test_a_swap_through_a_link_is_not_completed(tmp_path: Path) -> None:
    precious = write(tmp_path / "own", {"1.png": b"mine"}) / "1.png"
    folder = write(tmp_path / "out", {".styleclip-0123456789abcdef.swap/frames/1.png": b"new"})
    write(folder, {".styleclip-0123456789abcdef.old/files.json": b"[]"})
    (folder / "frames").symlink_to(tmp_path / "own")
    with pytest.raises(OutputError, match="outside of"):
        replace(folder)
    assert precious.read_bytes() == b"mine"
