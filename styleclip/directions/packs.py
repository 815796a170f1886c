"""Packs: several directions in one file of ours, or in a folder with a file each and an index."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from styleclip.directions.library import check_entry, direction_file, entry_path, locked_library
from styleclip.directions.loading import choose_direction
from styleclip.directions.own_files import (
    LIST,
    direction_record,
    read_latent_directions,
    save_latent_directions,
)
from styleclip.directions.pack_index import INDEX, check_key, read_index
from styleclip.directions.records import REMEDY
from styleclip.errors import UsageError, WeightError
from styleclip.methods.latent_direction import LatentDirection
from styleclip.storage.files import atomic_write, output_folder, to_json
from styleclip.text.names import slug
from styleclip.weights.formats.messages import error_context
from styleclip.weights.locate import require_on_disk
from styleclip.weights.own_headers import is_own, read_record

SUFFIX = ".safetensors"
INDEX_KEYS = ("space", "layers", "absolute", "unit", "unit_of", "range", "generator", "target", "licence")


def collect(names: Sequence[str]) -> list[LatentDirection]:
    """The directions of these names, files and packs; of a pack all of them.

    Raises UsageError for the direction of a text, which cannot be packed, and WeightError for a file of another author
    and one that is not on this disk.
    """
    found: list[LatentDirection] = []
    for name in names:
        if Path(name, INDEX).is_file():
            for title, record in read_index(Path(name)).items():
                inside = _read(f"{name}:{title}", Path(name, record["file"]), None)
                found += [replace(each, name=title) for each in inside]
            continue
        path, key = direction_file(name, require_on_disk)
        inside = _read(name, path, key)
        is_entry = len(inside) == 1 and path == entry_path(name)
        found += [replace(each, name=name if is_entry else _telling_name(each.name, path)) for each in inside]
    return found


def _read(name: str, path: Path, key: str | None) -> list[LatentDirection]:
    """The directions of a file of ours, or the one that is called `key`."""
    if not is_own(path):
        raise WeightError(f"{name} is no file of styleclip; import it first with `styleclip direction import`")
    if LIST not in read_record(path, "direction", REMEDY):
        raise UsageError(f"{name} is the direction of a text, which is a file by itself; share {path} as it is")
    directions = {each.name: each for each in read_latent_directions(path)}
    with error_context(path):
        return [choose_direction(directions, key)] if key else list(directions.values())


def _telling_name(name: str, path: Path) -> str:
    """A name that has a letter: a number in a pack is PACK-NUMBER."""
    return slug(name) if any(character.isalpha() for character in name) else slug(f"{path.stem}-{name}")


def write_pack(directions: Sequence[LatentDirection], path: Path, overwrite: bool = False) -> list[Path]:
    """Write directions to one safetensors file, or to a folder with an index where `path` has another suffix.

    Returns the files. Raises UsageError for two with one name, OutputError where the files cannot be written.
    """
    names = Counter(slug(each.name) for each in directions)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UsageError(f"two directions are called {twice[0]!r}; pack them apart")
    named = [replace(each, name=slug(each.name)) for each in directions]
    if path.suffix == SUFFIX:
        folder = output_folder(path.parent, [glob.escape(path.name)], overwrite)
        return [save_latent_directions(named, folder / path.name)]
    folder = output_folder(path, [INDEX, f"*{SUFFIX}"], overwrite)
    earlier = _indexed_files(folder)
    files = [save_latent_directions([each], folder / f"{each.name}{SUFFIX}") for each in named]
    index = atomic_write(folder / INDEX, to_json(_index(named)).encode())
    for path in earlier - set(files):
        path.unlink(missing_ok=True)
    return [*files, index]


def remove_from_pack(name: str) -> Path:
    """Remove PACK:NAME from a pack of the library; the last one takes the pack with it. Returns the file of the pack.

    Raises WeightError for an unknown name.
    """
    pack, _, key = name.partition(":")
    path = entry_path(pack)
    with locked_library():
        check_entry(pack)
        directions = read_latent_directions(path)
        check_key(pack, key, [each.name for each in directions])
        kept = [each for each in directions if each.name != key]
        if kept:
            save_latent_directions(kept, path)
        else:
            os.unlink(path)
    return path


def _indexed_files(folder: Path) -> set[Path]:
    """The files of the index of a folder; none where there is no sound one."""
    with suppress(WeightError):
        return {folder / record["file"] for record in read_index(folder).values()}
    return set()


def _index(directions: Sequence[LatentDirection]) -> dict[str, dict[str, object]]:
    index: dict[str, dict[str, object]] = {}
    for each in directions:
        record = direction_record(each) | ({} if each.unit else {"unit_of": None})
        known = {key: record[key] for key in INDEX_KEYS if record[key] not in (None, "", False)}
        index[each.name] = {"file": f"{each.name}{SUFFIX}", **known}
    return index
