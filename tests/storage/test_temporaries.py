from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styleclip import images
from styleclip.errors import OutputError
from styleclip.images import write_video
from styleclip.storage import locks, temporaries
from styleclip.storage.files import atomic_path, atomic_write, output_folder
from styleclip.storage.temporaries import MAX_AGE_SECONDS, create_temporary, is_temporary, remove_stale_temporaries

STALE = ".styleclip-0123456789abcdef.tmp.png"


def plant(path: Path, age: float = 0.0) -> Path:
    path.write_bytes(b"half")
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


def test_threads_write_one_file(tmp_path: Path) -> None:
    contents = [bytes([i]) * 100_000 for i in range(8)]
    threads = [threading.Thread(target=atomic_write, args=(tmp_path / "a.bin", each)) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a.bin").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1


def test_processes_of_one_id_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 7)
    with atomic_path(tmp_path / "a.png") as one, atomic_path(tmp_path / "a.png") as other:
        assert one != other
        assert one.suffix == other.suffix == ".png"
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert (tmp_path / "a.png").read_bytes() == b"one"


def test_a_link_at_the_temporary_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = plant(tmp_path / "precious")
    names = iter(["0" * 16, "1" * 16])
    monkeypatch.setattr(temporaries.secrets, "token_hex", lambda size: next(names))
    (tmp_path / f".styleclip-{'0' * 16}.tmp.png").symlink_to(precious)
    atomic_write(tmp_path / "a.png", b"new")
    assert precious.read_bytes() == b"half"
    assert (tmp_path / "a.png").read_bytes() == b"new"
    assert not (tmp_path / "a.png").is_symlink()


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_files_have_the_usual_permissions(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        path = atomic_write(tmp_path / "a.txt", b"")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("name", ["a" * 250 + ".png", "é" * 125 + ".mp4", "x." + "y" * 240, "[*]?.gif", "a\nb.png"])
def test_any_name_that_the_disk_takes(tmp_path: Path, name: str) -> None:
    assert atomic_write(tmp_path / name, b"1").read_bytes() == b"1"


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the name is too long"):
        atomic_write(tmp_path / ("a" * 256), b"1")
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_removed_and_what_is_in_use_stays(tmp_path: Path) -> None:
    mine = [plant(tmp_path / name) for name in (".styleclip-notes.tmp.png", ".a.123.png", "styleclip.tmp", ".png")]
    folder = tmp_path / ".styleclip-00000000000000ff.tmp"
    folder.mkdir()
    link = tmp_path / ".styleclip-00000000000000fe.tmp"
    link.symlink_to(mine[0])
    plant(tmp_path / STALE)
    with atomic_path(tmp_path / "b.png") as in_use:
        output_folder(tmp_path, ())
        assert in_use.exists()
    assert not (tmp_path / STALE).exists()
    assert {path.name for path in tmp_path.iterdir()} == {
        "b.png",
        folder.name,
        link.name,
        *(each.name for each in mine),
    }


def test_the_lock_of_another_process(tmp_path: Path) -> None:
    """A process that lives keeps its temporary; once it is killed, the next one removes it."""
    code = (
        "import sys, time; from pathlib import Path; from styleclip.storage.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as t: print(t, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        temporary = Path(process.stdout.readline().strip())
        remove_stale_temporaries(tmp_path)
        assert temporary.exists()
        process.kill()
        process.wait()
    remove_stale_temporaries(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", [None, "refusing"])
def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str | None) -> None:
    class Refusing:
        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(*_: object) -> None:
            raise OSError(37, "No locks available")

    monkeypatch.setattr(locks, "fcntl", Refusing if module else None)
    old = plant(tmp_path / STALE, MAX_AGE_SECONDS + 60)
    new = plant(tmp_path / STALE.replace("0", "1"))
    with atomic_path(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"whole")
    remove_stale_temporaries(tmp_path)
    assert not old.exists()
    assert new.exists()
    assert (tmp_path / "a.png").read_bytes() == b"whole"


def test_a_sweep_between_the_name_and_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary whose file was removed before it was locked is given up for another."""
    plain, calls = temporaries.try_lock, []

    def late(descriptor: int) -> bool | None:
        calls.append(descriptor)
        if len(calls) == 1:
            for path in tmp_path.iterdir():
                path.unlink()
        return plain(descriptor)

    monkeypatch.setattr(temporaries, "try_lock", late)
    temporary = create_temporary(tmp_path / "a.png")
    assert temporary.path.exists()
    assert len(calls) == 2
    temporary.close()


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    frames = [Image.fromarray(np.full((16, 16, 3), 9 * i, np.uint8)) for i in range(4)]
    path = write_video(frames, tmp_path / f"video{suffix}")
    before = path.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]

    def interrupted(*_: object, **__: object) -> None:
        assert any(is_temporary(each) for each in tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(images, "_write_mp4", interrupted)
    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_video(frames, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
