"""The cache of compiled libraries: used only where nobody but the user and root could have put a library there."""

from __future__ import annotations

import os
import re
import stat
import struct
import sys
from pathlib import Path

import pytest
import torch

from cuda_ops import _backend, build
from cuda_ops.cache import ACL, KernelCacheWarning, build_into_cache, cache_folder, library_path, why_not_private
from tests.helpers.ops_build import empty_cache, put

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is compiled on Windows")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, two folders below one of the test."""
    (tmp_path / "home").mkdir()
    return empty_cache(tmp_path / "home", monkeypatch)


@pytest.fixture
def library(cache: Path) -> Path:
    """A library that fits, in a private cache."""
    path = put(cache, build.library_name("cpu", "DEFAULT"))
    assert library_path("cpu") == path
    return path


def open_to(path: Path, *bits: int) -> None:
    path.chmod(path.stat().st_mode | sum(bits))


@pytest.mark.parametrize("bit", [stat.S_IWOTH, stat.S_IWGRP], ids=["all", "group"])
@pytest.mark.parametrize("level", [0, 1, 2], ids=["the library", "its folder", "the folder above"])
def test_others_can_write(library: Path, monkeypatch: pytest.MonkeyPatch, level: int, bit: int) -> None:
    monkeypatch.setattr("cuda_ops.cache._is_private_group", lambda _: False)
    wide = (library, *library.parents)[level]
    open_to(wide, bit)
    assert library_path("cpu") is None
    with pytest.warns(KernelCacheWarning, match=re.escape(f"can write to {wide}; make it yours alone")):
        assert not _backend.use_native(torch.zeros(1))
    packaged = put(library.parents[1] / "lib", library.name)
    assert library_path("cpu") == packaged, "the installed library serves instead"


def test_the_private_group_of_the_user_is_the_user(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuda_ops.cache._is_private_group", lambda gid: gid == library.stat().st_gid)
    open_to(library.parent, stat.S_IWGRP)
    assert library_path("cpu") == library
    open_to(library.parent, stat.S_IWOTH)
    assert library_path("cpu") is None


def test_an_access_control_list_lets_others_in(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like the private group is then the mask of all users in the list, here of the user 65534."""
    monkeypatch.setattr("cuda_ops.cache._is_private_group", lambda gid: True)
    nobody = 0xFFFFFFFF
    entries = [(1, 7, nobody), (2, 7, 65534), (4, 5, nobody), (16, 7, nobody), (32, 5, nobody)]  # tag, rights, id
    try:
        os.setxattr(
            library.parent, ACL, struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)
        )
    except (AttributeError, OSError):
        pytest.skip("no access control lists here")
    assert "can write" in (why_not_private(library) or "") and library_path("cpu") is None
    library.parent.chmod(library.parent.stat().st_mode & ~stat.S_IWGRP)
    assert library_path("cpu") == library, "the remedy takes their right away"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_belongs_to_another_user(library: Path, level: int) -> None:
    given = (library, *library.parents)[level]
    os.chown(given, 4711, -1)
    assert why_not_private(library) == f"{given} belongs to another user"
    assert library_path("cpu") is None


def test_a_sticky_folder_above_is_fine(library: Path) -> None:
    open_to(library.parents[1], stat.S_ISVTX, stat.S_IWOTH)
    assert library_path("cpu") == library
    open_to(library, stat.S_IWOTH)
    assert library_path("cpu") is None


def test_folders_above_home_are_not_examined(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to(library.parents[2], stat.S_IWOTH)
    assert library_path("cpu") is None
    monkeypatch.setenv("HOME", str(library.parents[1]))
    assert library_path("cpu") == library
    open_to(library.parents[1], stat.S_IWOTH)
    assert library_path("cpu") is None


@pytest.mark.parametrize("what", ["folder", "file"])
def test_links_are_followed_to_where_the_library_is(library: Path, tmp_path: Path, what: str) -> None:
    real = tmp_path / "elsewhere"
    if what == "folder":
        library.parent.rename(real)
        library.parent.symlink_to(real)
    else:
        real.mkdir()
        library.rename(real / library.name)
        library.symlink_to(real / library.name)
    assert library_path("cpu") == real / library.name, "the path that is loaded has no links to exchange"
    open_to(real, stat.S_IWOTH)
    assert library_path("cpu") is None


def test_a_build_makes_private_folders(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_OPS_CACHE", str(tmp_path / "a" / "b"))
    monkeypatch.setattr(build, "why_cannot_build", lambda _: None)
    scratches: list[Path] = []

    def compile_open_to_all(_: str, __: str, scratch: Path) -> Path:
        scratches.append(scratch)
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        built = put(scratch, "cpu.so")
        built.chmod(0o777)
        return built

    monkeypatch.setattr(build, "_compile", compile_open_to_all)
    before = os.umask(0)
    try:
        built = build_into_cache("cpu")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == [0o700] * 2
    assert stat.S_IMODE(built.stat().st_mode) == 0o755 and library_path("cpu") == built
    assert not scratches[0].exists()


def test_nothing_is_built_where_others_can_write(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "why_cannot_build", lambda _: None)
    cache.mkdir()
    open_to(cache, stat.S_IWOTH)
    with pytest.raises(build.BuildError, match=f"other users can write to {cache}; .* or set CUDA_OPS_CACHE"):
        build_into_cache("cpu")
    assert list(cache.iterdir()) == []


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    for name in ("CUDA_OPS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() is None and why_not_private(Path("/")) is None
    with pytest.raises(build.BuildError, match="there is no home folder .*; set CUDA_OPS_CACHE to a folder"):
        build_into_cache("cpu")


def test_extensions_of_torch_are_not_used(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    put(tmp_path / "extensions" / "cuda_ops_cpu", "cuda_ops_cpu.so")
    put(tmp_path / "extensions", build.library_name("cpu", "DEFAULT"))
    assert library_path("cpu") is None
