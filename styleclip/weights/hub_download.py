"""Download a file from the Hugging Face Hub into the cache of the package huggingface_hub, and check its hash."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from styleclip.errors import StyleClipError, WeightError
from styleclip.interrupts import is_interrupt
from styleclip.weights.catalog import Weight
from styleclip.weights.download import Progress, check_disk_space, max_download
from styleclip.weights.hub import HubFile, HubWeight, hub_package
from styleclip.weights.recognition import file_hash

HASH_OF_LENGTH = {40: "git_sha1", 64: "sha256"}  # length of an ETag in hexadecimal digits -> what it is


def download_from_hub(weight: HubWeight, on_start: Callable[[Weight], None], on_progress: Progress) -> Path:
    """The file of a weight, downloaded into the cache of huggingface_hub, with the hash that the Hub states.

    Raises WeightError with the reason and the remedy. No sentence holds a token.
    """
    place, hub = weight.place, hub_package()
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        url = hub.hf_hub_url(**place.options, endpoint=endpoint)
        told = hub.get_hf_file_metadata(url)
        if told.size is None or told.size > max_download():
            size = "an unknown size" if told.size is None else f"{told.size / 1e9:,.1f} GB"
            raise WeightError(f"{weight.name} has {size}, which is not fetched; raise STYLECLIP_MAX_DOWNLOAD_GB")
        check_disk_space(_existing(Path(hub.constants.HF_HUB_CACHE)), told.size)
        on_start(weight)
        bar = _progress_bar(on_progress, told.size)
        path = Path(hub.hf_hub_download(**place.options, endpoint=endpoint, tqdm_class=bar))
    except Exception as error:
        if isinstance(error, StyleClipError) or is_interrupt(error):
            raise
        raise WeightError(f"{weight.name}: {_reason(error, place)}") from error
    _check_hash(path, told.etag or "")
    return path


def _progress_bar(on_progress: Progress, total: int) -> type:
    """A class that huggingface_hub takes for a bar and that draws nothing."""
    from tqdm import tqdm

    class Report(tqdm):
        def __init__(self, *_: Any, initial: int = 0, **__: Any) -> None:
            super().__init__(disable=True, initial=initial)

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            on_progress(self.n, total)

    return Report


def _check_hash(path: Path, etag: str) -> None:
    """Raise WeightError, and remove the file, unless it has the hash that is its ETag."""
    algorithm = HASH_OF_LENGTH.get(len(etag)) if re.fullmatch(r"[0-9a-f]+", etag) else None
    if algorithm and (found := file_hash(path, algorithm)) != etag:
        for each in {path, path.resolve()}:
            each.unlink(missing_ok=True)
        raise WeightError(f"the {algorithm} of {path.name} is {found} and not {etag}; it was deleted, try again")


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _reason(error: Exception, place: HubFile) -> str:
    """Why a file cannot be had, without the text of the error, which may hold a signed URL or a token."""
    names = {each.__name__ for each in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "OfflineModeIsEnabled" in names:
        return "it is not in the cache of huggingface_hub and HF_HUB_OFFLINE forbids downloads; unset that"
    if "GatedRepoError" in names:
        return f"its repository has terms to accept; do that on {place.page} and log in by `hf auth login`"
    if "RepositoryNotFoundError" in names:
        return f"there is no {place.kind} {place.repository}, or it is private; check it, or log in by `hf auth login`"
    if "RevisionNotFoundError" in names:
        return f"{place.repository} has no revision {place.revision}; see {place.page}"
    if "EntryNotFoundError" in names:
        return f"{place.repository} has no file {place.file} at {place.revision}; see {place.page}"
    if status is not None:
        return f"the Hub answers HTTP {status}; try again later"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"it cannot be written ({error.strerror}); free some space or set HF_HOME elsewhere"
    return f"the Hub cannot be reached ({type(error).__name__}); try again later, or see {place.page}"
