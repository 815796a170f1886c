"""From a weight of the catalog, or a URL, to a file on this disk that is surely the right one.

A file gets its name in the cache only once its length and hash are right, so a name in the cache can be trusted.
Nothing here prints: `on_start` is called before anything is downloaded, and is the place to show the licence.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pooch

from styleclip.errors import WeightError
from styleclip.weights.catalog import Weight, home
from styleclip.weights.download import DownloadError, Progress, discard, download, ignore, partial_size

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Fetch = Callable[[Weight], Path]
POLL = 0.2  # seconds between two looks at a lock that someone else holds
DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"


def fetch(
    weight: Weight,
    *,
    offline: bool | None = None,
    on_start: Callable[[Weight], None] = ignore,
    on_progress: Progress = ignore,
) -> Path:
    """The file of a weight, downloaded unless it is here already.

    `offline` forbids downloads; None asks STYLECLIP_OFFLINE. Raises WeightError that says what to put where.
    """
    path = weight.path
    if os.path.exists(path):
        return path
    if is_offline() if offline is None else offline:
        raise WeightError(f"{weight.name} is not in {path.parent} and downloads are off; {_manual_download(weight)}")
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path, on_wait=lambda: on_progress(partial_size(partial), weight.size)):
            if not path.exists():  # another process may have fetched it while we waited
                on_start(weight)
                _download_and_verify(partial, weight, on_progress)
                os.replace(partial, path)
                discard(partial)
    except OSError as error:
        reason = error.strerror or error
        raise WeightError(f"cannot write {path}: {reason}; free some space or set STYLECLIP_HOME elsewhere") from error
    return path


def fetch_url(
    url: str,
    *,
    offline: bool | None = None,
    on_start: Callable[[Weight], None] = ignore,
    on_progress: Progress = ignore,
) -> Path:
    """The file at an http, https or file URL, downloaded unless it is here already."""
    return fetch(weight_from_url(url), offline=offline, on_start=on_start, on_progress=on_progress)


def check(weight: Weight) -> str:
    """How the file of a weight compares with what is known of it, in words that begin with `ok` when it is right."""
    if not weight.path.exists():
        return f"absent; run `styleclip models pull {weight.name}`"
    remembered = "as first downloaded" if weight.file in _known_hashes() else "no hash is known"
    known = " and ".join(weight.hashes) or remembered
    return _mismatch(weight, weight.path) or f"ok ({known})"


def is_url(name: str) -> bool:
    """Whether `fetch_url` takes it."""
    return re.match(r"(https?|file)://", name) is not None


def weight_from_url(url: str, kind: str = "generator") -> Weight:
    """What a URL stands for when the catalog does not say. Links that Google Drive shares are understood."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise WeightError(f"{url} cannot be read as a URL ({error}); check it") from error
    if parts.scheme == "file":
        path = url2pathname(parts.path)
        if not os.path.isfile(path):
            raise WeightError(f"there is no file {path}; check the URL {url}")
        return Weight(url, kind, what=url, licence="yours", file=path, urls=(url,))  # an absolute path: stays there
    shared = re.match(r"https://drive\.google\.com/(?:file/d/|(?:uc|open)\?(?:.*&)?id=)([\w-]+)", url)
    source = DRIVE.format(shared[1]) if shared else url
    name = re.sub(r"[^\w.-]+", "_", unquote(parts.path).rpartition("/")[2])[-60:]
    file = f"{hashlib.sha256(source.encode()).hexdigest()[:12]}-{name}"
    return Weight(url, kind, what=url, licence="unknown, ask its author", file=file, urls=(source,))


def is_offline() -> bool:
    """Whether the environment forbids downloads."""
    return os.environ.get("STYLECLIP_OFFLINE", "") not in ("", "0")


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = ignore) -> Iterator[None]:
    """Keep other processes and threads from `path`. The system frees the lock when its holder dies."""
    with path.with_name(f".{path.name}.lock").open("ab") as file:
        while not _lock(file.fileno()):
            on_wait()
            time.sleep(POLL)
        yield


def _download_and_verify(partial: Path, weight: Weight, on_progress: Progress) -> None:
    """Take the first URL that gives the right bytes."""
    reasons = []
    for url in weight.urls:
        try:
            download(url, partial, weight.size, on_progress)
            if wrong := _mismatch(weight, partial):
                discard(partial)
                raise DownloadError(f"{wrong}; what came was deleted")
        except DownloadError as error:
            reasons.append(f"{urlsplit(url).netloc}: {error}")
        else:
            return _remember(weight, partial)
    why = "; ".join(dict.fromkeys(reasons))
    raise WeightError(f"cannot download {weight.name} ({why}); try again later, or {_manual_download(weight)}")


def _mismatch(weight: Weight, path: Path) -> str:
    """What is wrong with a file that should be `weight`; nothing when it is right.

    The right hash is that of its publisher, or else that of the first download.
    """
    size = path.stat().st_size
    if weight.size not in (None, size):
        return f"it has {size:,} bytes where {weight.size:,} are right"
    for algorithm, right in weight.hashes.items():
        if (found := _hash(path, algorithm)) != right:
            return f"its {algorithm} is {found} and not {right}"
    seen = None if weight.hashes else _known_hashes().get(weight.file)
    if seen and (found := _hash(path, "sha256")) != seen:
        return f"its sha256 is {found} and was {seen} at first; to accept it, delete that in {_hash_record()}"
    return ""


def _remember(weight: Weight, path: Path) -> None:
    """Write down the hash of a first download that nobody published one for; later ones must have the same."""
    if weight.hashes:
        return
    with locked(_hash_record()):
        seen = _known_hashes()
        if weight.file not in seen:
            written = _hash_record().with_suffix(".new")
            written.write_text(json.dumps(seen | {weight.file: _hash(path, "sha256")}, indent=2), "utf-8")
            os.replace(written, _hash_record())


def _known_hashes() -> dict[str, str]:
    """File in the cache -> SHA-256 of its first download."""
    try:
        return dict(json.loads(_hash_record().read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise WeightError(f"{_hash_record()} is damaged; delete it") from error


def _hash_record() -> Path:
    return home() / "seen.json"


def _hash(path: Path, algorithm: str) -> str:
    if algorithm != "git_sha1":
        return str(pooch.file_hash(str(path), alg=algorithm))
    content = path.read_bytes()  # small, as everything that git holds
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _manual_download(weight: Weight) -> str:
    """How to get a weight without styleclip, in words."""
    return f"download {weight.urls[0]} to {weight.path} (licence: {weight.licence})"


def _lock(descriptor: int) -> bool:
    """Take the lock on an open file, if it is free."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second is how Windows says the first
        return False
    return True
