"""The catalog of weights (checkpoints/catalog.toml) and the folders of their files."""

from __future__ import annotations

import difflib
import functools
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from styleclip.errors import UsageError, WeightError

PACKAGE = Path(__file__).parents[1]
CHECKPOINT_FOLDERS = (PACKAGE / "checkpoints", PACKAGE.parent / "checkpoints")  # in a wheel, in a source checkout

SHORT_LICENCES = {  # words of a licence -> its short form in the table; the first that fits
    "NVIDIA": "NVIDIA non-commercial",
    "research only": "research only",
    "non-commercial": "non-commercial",
    "no commercial use": "non-commercial",
    "model card": "MIT, see model card",
    "generator, whose own terms": "MIT, terms of generator",
    "own terms": "MIT, terms of photos",
    "MIT": "MIT",
}


@dataclass(frozen=True)
class Weight:
    """An entry of the catalog: a file, its licence, its URLs, and the size and hashes that verify it."""

    name: str
    kind: str
    what: str
    licence: str
    file: str
    urls: tuple[str, ...] = ()
    size: int | None = None  # bytes
    sha256: str | None = None
    md5: str | None = None
    git_sha1: str | None = None  # the id of a git blob, or its first digits
    unpacked_file: str | None = None  # the name of the file in a compressed one, which may stand in for it
    unpacked_sha256: str | None = None  # as others report it
    resolution: int | None = None
    faces: bool = True  # whether a generator renders faces
    homepage: str | None = None
    generator: str | None = None  # the weight that a table or a direction belongs to, or whose copy a generator is
    range: tuple[float, float] | None = None  # the lowest and highest useful alpha of a direction

    @property
    def ships(self) -> bool:
        """Whether the file ships with styleclip."""
        return not self.urls

    @property
    def path(self) -> Path:
        """The path of the file, which may not be downloaded yet."""
        return checkpoint_path(self.file) if self.ships else home() / self.file

    @property
    def unpacked_path(self) -> Path | None:
        """The path of the file in a compressed one, beside that; None where the file is not compressed."""
        return self.path.with_name(self.unpacked_file) if self.unpacked_file else None

    @property
    def on_disk(self) -> Path | None:
        """The file on this disk, or the unpacked one; None where neither is there."""
        return next((path for path in (self.path, self.unpacked_path) if path is not None and path.is_file()), None)

    @property
    def hashes(self) -> dict[str, str]:
        """The published hashes: algorithm -> digest."""
        published = {"sha256": self.sha256, "md5": self.md5, "git_sha1": self.git_sha1}
        return {algorithm: digest for algorithm, digest in published.items() if digest}


def checkpoint_path(name: str) -> Path:
    """The file or folder `name` of the checkpoints that ship with styleclip, e.g. `demo/generator.safetensors`.

    Raises WeightError where there is none.
    """
    for folder in CHECKPOINT_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise WeightError(f"checkpoints/{name} did not come with this copy of styleclip; install it again")


@functools.cache
def catalog() -> dict[str, Any]:
    """The parsed catalog: section -> name -> entry."""
    return tomllib.loads(checkpoint_path("catalog.toml").read_text("utf-8"))


@functools.cache
def weights() -> dict[str, Weight]:
    """Every weight by its name."""
    return {name: _weight(name, entry) for name, entry in catalog()["weights"].items()}


def _weight(name: str, entry: Mapping[str, Any]) -> Weight:
    lists = {key: tuple(entry[key]) for key in ("urls", "range") if key in entry}
    return Weight(name, **{**entry, **lists})


def weight(name: str, kind: str | None = None) -> Weight:
    """The weight of that name, of that kind; raises WeightError with the closest names when there is none."""
    known = {each.name: each for each in weights().values() if kind in (None, each.kind)}
    if name not in known:
        raise WeightError(f"no {kind or 'weight'} is called {name!r}; the closest are {closest(name, known)}")
    return known[name]


def bundle(name: str) -> dict[str, Any]:
    """The parts and defaults of a model by its name; raises WeightError with the closest names when there is none."""
    models = catalog()["models"]
    if name not in models:
        raise WeightError(f"no model is called {name!r}; the closest are {closest(name, models)}")
    return dict(models[name])


def closest(name: str, known: Iterable[str]) -> str:
    """The three known names most similar to `name`, joined by commas."""
    return ", ".join(difflib.get_close_matches(name, list(known), n=3, cutoff=0.0))


def home() -> Path:
    """The folder of downloaded weights: STYLECLIP_HOME, else the user's cache folder (~/.cache/styleclip on Linux)."""
    chosen = os.environ.get("STYLECLIP_HOME", "")
    try:
        folder = Path(chosen or platformdirs.user_cache_path("styleclip")).expanduser()
    except (RuntimeError, KeyError) as error:  # no HOME, and no such user
        raise UsageError("there is no home folder for the cache; set STYLECLIP_HOME to a folder of yours") from error
    if os.path.lexists(folder) and not folder.is_dir():
        kind = "a file" if folder.exists() else "a link to a place that is not there"
        raise UsageError(f"the cache folder {folder} is {kind}; set STYLECLIP_HOME to a folder of yours")
    return folder


def weight_records(weights: Iterable[Weight]) -> list[dict[str, Any]]:
    """The entries of weights with their paths, and whether the files are on this disk."""
    return [
        {**vars(weight), "path": weight.on_disk or weight.path, "present": weight.on_disk is not None}
        for weight in weights
    ]


def is_on_disk(bundle: Mapping[str, Any]) -> bool:
    """Whether the generator and the identity network of a model are on this disk; its CLIP open_clip may have."""
    return all(weights()[bundle[part]].on_disk for part in ("generator", "identity") if bundle[part] in weights())


def short_licence(licence: str) -> str:
    """A licence in two or three words."""
    return next((short for words, short in SHORT_LICENCES.items() if words in licence), "see --json")
