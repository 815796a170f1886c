"""What a command finds around it: closed streams, no home, no current folder, too little memory, odd variables."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import styleclip
from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.networks.layers import check_ops
from styleclip.storage.files import naming_disk_errors
from styleclip.weights.catalog import home
from styleclip.weights.formats.messages import report_damage
from tests.helpers.support import environment, failed

Run = Callable[..., Result]
NO_MEMORY = (
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    RuntimeError("can't start new thread"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("std::bad_alloc"),
)


def raise_error(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", NO_MEMORY, ids=str)
def test_too_little_memory_is_told_as_that(error: Exception, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(styleclip), "load", raise_error(error))
    failed(run("sample"), 1, "there is not enough memory; use fewer seeds at once")


def test_no_folder_for_temporary_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/var/tmp']")
    monkeypatch.setitem(vars(styleclip), "load", raise_error(error))
    failed(run("sample"), 1, "no folder for temporary files can be written to", "name a folder with TMPDIR")


def test_too_many_open_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = OSError(errno.EMFILE, "Too many open files", "x")
    monkeypatch.setitem(vars(styleclip), "load", raise_error(refusal))
    failed(run("sample"), 1, "too many files are open; raise the limit with `ulimit -n`")
    for error in (refusal, RuntimeError("unable to open file <x> in read-only mode: Too many open files (24)")):
        with pytest.raises(WeightError, match="too many files are open to read it; raise"), report_damage():
            raise error
    with pytest.raises(OutputError, match="too many files are open; raise"), naming_disk_errors(Path("x")):
        raise refusal


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_a_full_disk_behind_stdout(option: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("click.core", "click.decorators"):
        monkeypatch.setattr(f"{module}.echo", raise_error(OSError(errno.ENOSPC, "No space left on device")))
    failed(run(option), 1, "cannot write to stdout: the disk is full; free some space or send the output elsewhere")


def test_a_deleted_current_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    failed(run("sample", "--out", str(tmp_path / "out")), 2, "the current folder is gone", "change to another one")


def test_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STYLECLIP_HOME", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: Path("~nobody-of-this-name/.cache"))
    with pytest.raises(UsageError, match="there is no home folder for the cache; set STYLECLIP_HOME to a folder"):
        home()
    (tmp_path / "file").touch()
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="is a file; set STYLECLIP_HOME to a folder of yours"):
        home()
    for target in ("not mounted", "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / target)
        monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "link"))
        with pytest.raises(UsageError, match="is a link to a place that is not there; set STYLECLIP_HOME"):
            home()


@pytest.mark.parametrize("name", ["foo", "", "Native"])
def test_unknown_ops(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", name)
    with pytest.raises(UsageError, match=f"STYLECLIP_OPS={name} is not one of auto, native, reference; set it to one"):
        check_ops()


@pytest.mark.parametrize("option", ["--out", "--model", "--clip", "--device", "--seeds"])
def test_an_empty_value(option: str, run: Run) -> None:
    failed(run("sample", option, ""), 2, f"the value of {option} is empty; pass one, or leave it out")
    assert not list(Path().iterdir())


def test_closed_streams(tmp_path: Path) -> None:
    """And no file takes the place of one."""
    code = "import os; [os.close(n) for n in (0, 1, 2)]; os.execv({0!r}, [{0!r}, '-m', 'styleclip', *{1!r}])"
    arguments = ["models", "list", "--json"]
    script = code.format(sys.executable, arguments)
    ran = subprocess.run([sys.executable, "-c", script], env=environment(), cwd=tmp_path, timeout=60, check=False)
    assert ran.returncode == 0 and not os.listdir(tmp_path)
    script = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [sys.executable, "-c", script, "-X", "dev", "-m", "styleclip", *arguments]
    ran = subprocess.run(command, env=environment(), cwd=tmp_path, timeout=60, check=False, stderr=subprocess.PIPE)
    assert ran.returncode == 0 and b"ResourceWarning" not in ran.stderr
    script = code.format(sys.executable, ["sample", "--psi", "nan"])
    ran = subprocess.run([sys.executable, "-c", script], env=environment(), cwd=tmp_path, timeout=60, check=False)
    assert ran.returncode == 2
