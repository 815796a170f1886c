"""Download a weight of the catalog, or the file at a URL, into the cache; verify its size and hash.

A file gets its final name after verification, so every file in the cache is complete. This module prints nothing:
`on_start` is called before a download and can show the licence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.storage.files import atomic_write
from styleclip.text.text_files import read_text
from styleclip.weights.catalog import Weight, home, weights
from styleclip.weights.download import Progress, discard, download, ignore, partial_size, resumable_size
from styleclip.weights.http import DownloadError
from styleclip.weights.hub import HubWeight
from styleclip.weights.hub_download import download_from_hub
from styleclip.weights.recognition import file_hash
from styleclip.weights.urls import hide_secrets, host_of, shown_url

Fetch = Callable[[Weight], Path]
POLL = 0.2  # seconds between two attempts to take a lock


def fetch(
    weight: Weight,
    *,
    offline: bool | None = None,
    on_start: Callable[[Weight], None] = ignore,
    on_progress: Progress = ignore,
) -> Path:
    """The file of a weight, downloaded unless it is in the cache.

    `offline` forbids downloads; None reads STYLECLIP_OFFLINE. Raises WeightError with instructions for a manual
    download.
    """
    path = weight.path
    if here := weight.on_disk:
        return here
    if is_offline() if offline is None else offline:
        raise _offline_error(weight)
    if isinstance(weight, HubWeight):
        return download_from_hub(weight, on_start, on_progress)
    partial = _partial_path(weight)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(path, on_wait=lambda: on_progress(partial_size(partial), weight.size)):
            if not path.exists():  # another process may have fetched it while we waited
                on_start(weight)
                _download_and_verify(partial, weight, on_progress)
                os.replace(partial, path)
                discard(partial)
    except (OSError, OutputError) as error:
        reason = getattr(error, "strerror", None) or error.__cause__ or error
        raise WeightError(f"cannot write {path}: {reason}; free some space or set STYLECLIP_HOME elsewhere") from error
    return path


def check(weight: Weight) -> str:
    """The result of verifying the file of a weight, as text: `ok (...)`, `absent; ...` or the mismatch."""
    if weight.on_disk is None:
        here = resumable_size(_partial_path(weight))
        rest = f", which goes on from the {here / 1e6:,.1f} MB here" if here else ""
        return f"absent; run `styleclip models pull {weight.name}`{rest}"
    remembered = "as first downloaded" if weight.file in _known_hashes() else "no hash is known"
    known = " and ".join(weight.hashes) or remembered
    if weight.path.exists() and (wrong := _mismatch(weight, weight.path)):
        return wrong
    unpacked = weight.unpacked_path
    if unpacked is None or not unpacked.exists():
        return f"ok ({known})"
    if (found := file_hash(unpacked, "sha256")) != weight.unpacked_sha256:
        return f"the sha256 of {unpacked.name} is {found} and not {weight.unpacked_sha256}, which others report of it"
    return f"ok ({known}, unpacked)"


def check_file(path: Path) -> str:
    """The result of comparing any file with the catalog: with the weight of its name, else with one of its sha256."""
    published = [each for each in weights().values() if each.hashes]
    if named := next((each for each in published if Path(each.file).name == path.name), None):
        return _mismatch(named, path) or f"ok ({' and '.join(named.hashes)} of {named.name})"
    digest = file_hash(path, "sha256")
    if same := next((each for each in published if each.sha256 == digest), None):
        return f"ok (sha256 of {same.name})"
    return "unknown; no weight of the catalog has its name or its sha256"


def leftovers() -> list[Path]:
    """The partial files of downloads that did not end."""
    return sorted(home().glob("*.partial"))


def is_offline() -> bool:
    """Whether the environment forbids downloads: STYLECLIP_OFFLINE is set, and to no negative word."""
    return os.environ.get("STYLECLIP_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


@contextmanager
def file_lock(path: Path, on_wait: Callable[[], None] = ignore) -> Iterator[None]:
    """Exclusive lock on `path` between processes and threads; the system frees it when the process ends."""
    lock = FileLock(path.with_name(f".{path.name}.lock"), poll_interval=POLL)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=POLL)
        except Timeout:
            on_wait()
    try:
        yield
    finally:
        lock.release()


def _offline_error(weight: Weight) -> WeightError:
    switch = f" (STYLECLIP_OFFLINE={os.environ['STYLECLIP_OFFLINE']})" if is_offline() else ""
    place, remedy = str(weight.path.parent), _manual_download(weight)
    if isinstance(weight, HubWeight):
        place, remedy = "the cache of huggingface_hub", "allow them once"
    return WeightError(f"{weight.name} is not in {place} and downloads are off{switch}; {remedy}")


def _download_and_verify(partial: Path, weight: Weight, on_progress: Progress) -> None:
    """Download from the first URL whose file has the right size and hash; WeightError where none has."""
    reasons = []
    for url in weight.urls:
        try:
            download(url, partial, weight.size, on_progress)
            if wrong := _mismatch(weight, partial):
                discard(partial)
                raise DownloadError(f"{wrong}; the download was deleted")
        except DownloadError as error:
            reasons.append(f"{host_of(url)}: {hide_secrets(str(error), url)}")
        else:
            return _record_hash(weight, partial)
    why, kept = "; ".join(dict.fromkeys(reasons)), resumable_size(partial)
    if not kept:
        discard(partial)
    later = f"try again later, which goes on from the {kept / 1e6:,.1f} MB here" if kept else "try again later"
    raise WeightError(f"cannot download {weight.name} ({why}); {later}, or {_manual_download(weight)}")


def _partial_path(weight: Weight) -> Path:
    return weight.path.with_name(f"{weight.path.name}.partial")


def _mismatch(weight: Weight, path: Path) -> str:
    """The difference of a file from `weight` in size or hash, as text; "" where there is none.

    Without a published hash the hash of the first download is the reference.
    """
    size = path.stat().st_size
    if weight.size not in (None, size):
        return f"it has {size:,} bytes where {weight.size:,} are right"
    for algorithm, right in weight.hashes.items():
        if not (found := file_hash(path, algorithm)).startswith(right):  # of some the first digits are published
            return f"its {algorithm} is {found} and not {right}"
    seen = None if weight.hashes else _known_hashes().get(weight.file)
    if seen and (found := file_hash(path, "sha256")) != seen:
        return f"its sha256 is {found} and was {seen} at first; to accept it, delete that in {_hash_record()}"
    return ""


def _record_hash(weight: Weight, path: Path) -> None:
    """Record the hash of the first download of a weight without a published one; later ones must have the same."""
    if weight.hashes:
        return
    with file_lock(_hash_record()):
        seen = _known_hashes()
        if weight.file not in seen:
            record = json.dumps(seen | {weight.file: file_hash(path, "sha256")}, indent=2)
            atomic_write(_hash_record(), record.encode())


def _known_hashes() -> dict[str, str]:
    """File in the cache -> SHA-256 of its first download."""
    try:
        if not _hash_record().exists():
            return {}
        return dict(json.loads(read_text(_hash_record())))
    except (RecursionError, TypeError, UsageError, ValueError) as error:
        raise WeightError(f"{_hash_record()} is damaged; delete it") from error


def _hash_record() -> Path:
    return home() / "seen.json"


def _manual_download(weight: Weight) -> str:
    """Instructions for downloading a weight by hand."""
    return f"download {shown_url(weight.urls[0])} to {weight.path} (licence: {weight.licence})"
