"""Hashes of files, and the weight of the catalog that has the bytes of a file, whatever its name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from styleclip.errors import WeightWarning
from styleclip.runtime.warnings_of_thread import warn
from styleclip.weights.catalog import Weight, weights

CHUNK = 1 << 20  # bytes
MAX_GIT_BYTES = 100 * 2**20  # GitHub takes no larger file into a repository


def file_hash(path: Path, algorithm: str) -> str:
    """The hexadecimal digits of the `sha256`, the `md5` or the `git_sha1` of a file; the last is the id of a blob."""
    with path.open("rb") as file:
        if algorithm != "git_sha1":
            return hashlib.file_digest(file, algorithm).hexdigest()
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
        while block := file.read(CHUNK):
            digest.update(block)
        return digest.hexdigest()


def known_weight(path: str | Path) -> Weight | None:
    """The weight of the catalog that a file is: by its place in the cache, else `recognise`; None for other files."""
    real = Path(path).resolve()
    names = {Path(path).name, real.name}
    for weight in weights().values():
        if names & {os.path.basename(weight.file), weight.unpacked_file} and real in _places(weight):
            return weight
    return recognise(path)


def _places(weight: Weight) -> list[Path]:
    return [path.resolve() for path in (weight.path, weight.unpacked_path) if path]


def recognise(path: str | Path) -> Weight | None:
    """The weight of the catalog that has the size and the published hashes of a file; None where none has.

    Weights without a published hash are not recognised.
    """
    path = Path(path)
    size = path.stat().st_size
    digests: dict[str, str] = {}
    for weight in weights().values():
        hashes = {} if weight.size not in (None, size) else weight.hashes
        if "git_sha1" in hashes and size > MAX_GIT_BYTES:
            continue
        for algorithm in hashes.keys() - digests.keys():
            digests[algorithm] = file_hash(path, algorithm)
        if hashes and all(digests[algorithm].startswith(right) for algorithm, right in hashes.items()):
            return weight
    return None


def generator_weight(name: str, sha256: str | None = None) -> Weight | None:
    """The generator of the catalog with this hash, or else with this name of its file; None for others."""
    generators = [each for each in weights().values() if each.kind == "generator"]
    same = [each for each in generators if each.sha256 and each.sha256 == sha256]
    return next(iter(same + [each for each in generators if each.file == name]), None)


def belongs_to(known: Weight | None, generator: Weight | None) -> bool | None:
    """Whether a table or a direction of the catalog belongs to this generator of it; None where that is not known."""
    if known is None or known.generator is None or generator is None:
        return None
    return known.generator in (generator.name, generator.generator)


def warn_of_other_generator(known: Weight | None, generator: Weight | None) -> None:
    """Issue a WeightWarning where a table or a direction of the catalog belongs to another generator of it."""
    if known is not None and generator is not None and belongs_to(known, generator) is False:
        warn(
            f"{known.name} belongs to the generator {known.generator} and this is {generator.name}, where it may do "
            "something else; pass that one with --model",
            WeightWarning,
            stacklevel=3,
        )
