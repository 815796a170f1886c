"""Files on the Hugging Face Hub, `hf://owner/repo/path/file[@revision]`, fetched by the package huggingface_hub.

They lie in the cache of that package, which other programs share. What is there is not asked for again: of a branch the
commit that was fetched first stays, until `hf download` or another revision brings a newer one. Only the named file is
fetched, and it is read like any other.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.catalog import Weight, home

SCHEME = "hf://"
SYNTAX = "hf://OWNER/REPO/FILE, with @REVISION behind it for another than the main branch"
INSTALL = "run `pip install 'styleclip[hub]'`, or download the file and pass its path"
KINDS = {"datasets": "dataset", "spaces": "space"}  # first part of the path -> kind of repository; others are models
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Args:
        repository: owner/repo.
        file: its path there.
        revision: a branch, a tag or a commit.
        kind: model, dataset or space.
    """

    repository: str
    file: str
    revision: str = "main"
    kind: str = "model"

    @property
    def page(self) -> str:
        """The page of the repository, with its licence."""
        prefix = "".join(f"{word}/" for word, kind in KINDS.items() if kind == self.kind)
        return f"https://huggingface.co/{prefix}{self.repository}"

    @property
    def url(self) -> str:
        """The `hf://` URL."""
        prefix = "".join(f"{word}/" for word, kind in KINDS.items() if kind == self.kind)
        return f"{SCHEME}{prefix}{self.repository}/{self.file}@{self.revision}"

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of huggingface_hub."""
        parts: dict[str, Any] = {"repo_id": self.repository, "filename": self.file}
        return parts | {"repo_type": self.kind, "revision": self.revision}


class HubWeight(Weight):
    """A weight on the Hub, in the cache of huggingface_hub."""

    @property
    def place(self) -> HubFile:
        return parse_hub_url(self.urls[0])

    @property
    def path(self) -> Path:
        """The file in the cache; a name that no file has where it is not there."""
        return cached_file(self.place) or home() / self.file


def parse_hub_url(url: str) -> HubFile:
    """`hf://[datasets/|spaces/]owner/repo/path/file[@revision]`; the revision may also stand behind repo.

    Raises WeightError for other forms.
    """
    path = url.partition("://")[2]
    first, _, rest = path.partition("/")
    kind = KINDS.get(first, "model")
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([^@/]+))?/([^@]*[^@/])(?:@([^@]+))?", rest if first in KINDS else path)
    if not found or (found[2] and found[4]) or {"", ".", ".."} & set(found[3].split("/")):
        raise WeightError(f"{url} is no file on the Hub; write it as {SYNTAX}")
    return HubFile(found[1], found[3], found[2] or found[4] or "main", kind)


def parse_hub_folder(url: str) -> tuple[HubFile, str | None] | None:
    """A folder, whose last part has no dot, and the key behind it: `hf://owner/repo[/folder][@revision][:key]`.

    The `file` of a repository as a whole is "". None for the URL of a file.
    """
    path, _, key = url.partition("://")[2].partition(":")
    place, _, revision = path.partition("@")
    first, _, rest = place.partition("/")
    kind = KINDS.get(first, "model")
    names = (rest if first in KINDS else place).rstrip("/").split("/")
    is_file = (len(names) > 2 and "." in names[-1]) or ("/" in revision and not revision.startswith("refs/"))
    if len(names) < 2 or is_file or {"", ".", ".."} & set(names):
        return None
    return HubFile("/".join(names[:2]), "/".join(names[2:]), revision or "main", kind), key or None


def hub_weight(url: str, kind: str) -> HubWeight:
    """The weight at an `hf://` URL. Raises WeightError for one of another form, and without huggingface_hub."""
    place = parse_hub_url(url)
    hub_package()
    name = re.sub(r"[^\w.-]+", "_", f"{place.repository}-{place.file}")[-100:]
    licence = f"that of its page, {place.page}"
    return HubWeight(url, kind, what=url, licence=licence, file=name, urls=(url,), homepage=place.page)


def cached_file(place: HubFile) -> Path | None:
    """The file in the cache of huggingface_hub; None where it is not there.

    Raises WeightError for a name that no repository can have.
    """
    try:
        found = hub_package().try_to_load_from_cache(**place.options)
    except ValueError as error:
        raise WeightError(f"no repository is called {place.repository}; write it as {SYNTAX}") from error
    return Path(found) if isinstance(found, str) and os.path.isfile(found) else None


def hub_origin(path: str | Path) -> dict[str, str]:
    """`hub`, the repository and file, and `commit` of a file in the cache of huggingface_hub; {} for other files."""
    parts = Path(os.path.abspath(path)).parts
    for i, part in enumerate(parts[1:-1], 1):
        kind, *names = parts[i - 1].split("--")
        if part == "snapshots" and kind in ("models", "datasets", "spaces") and COMMIT.fullmatch(parts[i + 1]):
            prefix = f"{kind}/" if kind in KINDS else ""
            return {"hub": f"{prefix}{'/'.join((*names, *parts[i + 2 :]))}", "commit": parts[i + 1]}
    return {}


def hub_package() -> Any:
    """The package huggingface_hub. Raises WeightError where it is not installed."""
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError as error:
        raise WeightError(f"files on the Hub need the package huggingface_hub; {INSTALL}") from error
    return huggingface_hub
