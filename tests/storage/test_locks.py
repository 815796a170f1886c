"""Only one process or thread writes a folder or file, and a lock leaves nothing behind."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from styleclip.errors import OutputError
from styleclip.storage import locks
from styleclip.storage.locks import output_lock
from styleclip.storage.result_folder import ResultFolder, locked_file, locked_folder
from tests.helpers.result_folders import NEW, PATTERNS, read, replace


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
