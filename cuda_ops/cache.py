"""The compiled libraries on this disk: the user's cache, which must be private, and those installed with the package.

Loading a library runs its code, so nobody but the user and root may be able to replace it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cuda_ops import build

PACKAGED = Path(__file__).with_name("lib")  # libraries built ahead of time, by setup.py
ACL = "system.posix_acl_access"
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class KernelCacheWarning(UserWarning):
    """A compiled library in the cache is not used, because other users could replace it."""


def library_path(target: str) -> Path | None:
    """The library of `target` that fits this machine and these sources: from the cache, else from the package.

    The cache comes first, because its library is built for the level of this CPU. Its libraries are used only where
    `why_not_private` finds no fault; the path is then free of symlinks.
    """
    names = [build.library_name(target, level) for level in build.cpu_levels(target)]
    cached = _first_file(cache_folder(), names)
    if cached is not None and why_not_private(cached) is None:
        return cached.resolve()
    return _first_file(PACKAGED, names)


def rejection_reason(target: str) -> str | None:
    """Why a library of `target` in the cache is not used, with the remedy; None where none is there, or it is used."""
    names = [build.library_name(target, level) for level in build.cpu_levels(target)]
    cached = _first_file(cache_folder(), names)
    fault = why_not_private(cached) if cached is not None else None
    return _refusal(fault) if fault else None


def build_into_cache(target: str) -> Path:
    """Compile the library of `target` into the cache and return its path; `build.build` says how.

    Folders that are not there are made for the user alone. Raises BuildError also where the cache is not private.
    """
    folder = cache_folder()
    if folder is None:
        raise build.BuildError("there is no home folder for the compiled kernels; set CUDA_OPS_CACHE to a folder")
    folder = folder.absolute()
    try:
        for parent in reversed([folder, *folder.parents]):
            if not parent.exists():
                parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise build.BuildError(build.unwritable_message(folder, error)) from error
    if fault := why_not_private(folder):
        raise build.BuildError(_refusal(fault))
    return build.build(target, folder.resolve())


def cache_folder() -> Path | None:
    """The folder of libraries built on request: CUDA_OPS_CACHE, else `cuda_ops` in the user's cache folder.

    None where no variable names it and the user has no home folder.
    """
    named = os.environ.get("CUDA_OPS_CACHE")
    caches = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(named).expanduser() if named else Path(caches or Path.home() / ".cache").expanduser() / "cuda_ops"
    except RuntimeError:  # of `expanduser` and `home`
        return None


def why_not_private(path: Path) -> str | None:
    """Who else could replace the file or folder at `path`; None where only the user and root can.

    The path without symlinks, and every folder above it up to the user's home or the root, must belong to the user or
    to root, and no other user may write there. A folder with the sticky bit, such as /tmp, may be writable by all.
    """
    if not hasattr(os, "geteuid"):
        return None  # Windows, where nothing is compiled
    real = path.resolve()
    for each in (real, *real.parents):
        try:
            status = each.stat()
        except OSError as error:
            return f"{each} cannot be examined ({error.strerror})"
        if status.st_uid not in (os.geteuid(), 0):
            return f"{each} belongs to another user"
        if _others_can_write(each, status) and not (each != real and status.st_mode & stat.S_ISVTX):
            return f"other users can write to {each}"
        if each == _home():
            return None
    return None


def _others_can_write(path: Path, status: os.stat_result) -> bool:
    """Whether users other than the owner and root can write; the private group of the user counts as the user.

    In a file with an access control list the bits of the group stand for all users and groups of the list.
    """
    allowed = status.st_mode & WRITABLE_BY_OTHERS
    if allowed == stat.S_IWGRP:
        return not _is_private_group(status.st_gid) or _has_acl(path)
    return bool(allowed)


def _has_acl(path: Path) -> bool:
    """Whether the file has an access control list (POSIX 1003.1e), on Linux."""
    try:
        return ACL in os.listxattr(path)
    except (AttributeError, OSError):  # another system, or a file system without them
        return False


def _is_private_group(gid: int) -> bool:
    """Whether a group is that of the user alone: of the user's name, and without other members."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:
        return None


def _first_file(folder: Path | None, names: list[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None) if folder else None


def _refusal(fault: str) -> str:
    return (
        f"the compiled kernels in {cache_folder()} are not used, because {fault}; make it yours alone "
        "(`chmod go-w`, `chown`), or set CUDA_OPS_CACHE to a folder that is"
    )
