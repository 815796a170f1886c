"""Directions in files of any author, with the options of `styleclip direction import`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from styleclip.directions.foreign_files import read_foreign
from styleclip.directions.own_files import read_latent_directions
from styleclip.directions.pack_index import INDEX, read_index
from styleclip.directions.records import read_range
from styleclip.errors import UsageError, WeightError, WeightWarning
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.runtime.warnings_of_thread import warn
from styleclip.text.names import different_names, first_names, slug
from styleclip.weights.direction_files import is_layer_folder, is_own_file
from styleclip.weights.formats.direction_tables import MAX_DIRECTIONS
from styleclip.weights.formats.messages import error_context, plain_line
from styleclip.weights.hub import hub_origin

SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".pkl", ".safetensors")  # of the files of a folder that are read
MAX_NAME_CHARS = 60


def import_directions(
    path: str | Path,
    models: Models,
    *,
    space: Space | str | None = None,
    layers: Sequence[int] | None = None,
    index: int | str | None = None,
    absolute: bool = False,
    range: tuple[float, float] | None = None,
    licence: str = "",
) -> list[LatentDirection]:
    """All directions in a file of any author, or one of them, with unique names.

    Issues a WeightWarning for what was assumed. Raises WeightError for a file that holds none, is damaged, or does not
    fit the generator, UsageError for options that do not fit the file.

    Args:
        path: the file, of any kind in docs/files.md, or a folder of such files.
        models: for whose generator they are.
        space: w, w+ or s, instead of a guess from the shape.
        layers: rows of W+ that move, in place of those that the file says.
        index: one of several, by its number from 0 or by its name.
        absolute: move to a coordinate along the direction, counted from the mean in the file, or from 0.
        range: the lowest and highest useful alpha, in place of the file's.
        licence: the terms of the file.

    Example:
        [smile] = import_directions("smile.pt", models, layers=range(4, 8))
    """
    path, wanted = Path(path), Space(space) if space else None
    if wanted is Space.Z:
        raise UsageError("a direction in z moves no photo; pass w, w+ or s as space")
    own = is_own_file(path)
    if own and wanted:
        raise UsageError(f"{path} says its space; leave the space out")
    if path.is_dir() and not is_layer_folder(path):
        directions = _read_pack(path, models, {"space": wanted, "layers": layers, "absolute": absolute})
    elif own:
        place = hub_origin(path)
        read = [each.grow(models.generator) for each in read_latent_directions(path)]
        directions = [replace(each, origin={**each.origin, **place}) for each in read]
    else:
        directions = read_foreign(path, models, wanted, absolute, layers is None)
    if index is not None:
        directions = [choose(directions, index, path)]
    directions = _without_zeros(directions, path)
    if layers is not None:
        directions = [each.with_layers(layers, models.generator.num_ws) for each in directions]
    if absolute:
        directions = [_absolute(each) for each in directions]
    changed: dict[str, Any] = {name: value for name, value in (("range", range), ("licence", licence)) if value}
    return [replace(each, **changed) for each in directions]


def _read_pack(folder: Path, models: Models, options: dict[str, Any]) -> list[LatentDirection]:
    """The directions of a folder: by the names in its index, which may have what files leave out, or of all files."""
    found: list[LatentDirection] = []
    for name, record in (read_index(folder) if (folder / INDEX).is_file() else _list_files(folder)).items():
        with error_context(folder / INDEX):
            span, licence = read_range(record), plain_line(str(record.get("licence") or ""))
        inside = import_directions(folder / record["file"], models, **options)
        for each in inside:
            title = name if len(inside) == 1 else f"{name}_{each.name}"
            found.append(replace(each, name=title, range=each.range or span, licence=each.licence or licence))
    return found


def _list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """The files of a folder that may hold directions, by their names without suffix, as an index has them."""
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())
    if not files or len(files) > MAX_DIRECTIONS:
        what = "no file of directions" if not files else f"more than {MAX_DIRECTIONS} files"
        raise WeightError(f"{folder}: it is a folder with {what}; pass the file inside of it")
    names = different_names(slug(file.stem) for file in files)
    return {name: {"file": file.name} for name, file in zip(names, files, strict=True)}


def choose(directions: Sequence[LatentDirection], index: int | str, path: Path) -> LatentDirection:
    """One of several by its name, or by its number from 0. Raises UsageError for neither."""
    for each in directions:
        if each.name == str(index):
            return each
    text = str(index)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(directions):
        return directions[int(text)]
    names = first_names([each.name for each in directions])
    raise UsageError(f"{path.name} has no direction {text[:MAX_NAME_CHARS]!r}; pass one of {names}")


def _absolute(direction: LatentDirection) -> LatentDirection:
    """The direction with a center, 0 where it has none."""
    if direction.space is Space.S:
        raise UsageError("an absolute direction lies in w or w+, and this one in s; leave --absolute out")
    zero = direction.data.new_zeros(direction.data.shape[-1])
    return replace(direction, center=zero if direction.center is None else direction.center)


def _without_zeros(directions: list[LatentDirection], path: Path) -> list[LatentDirection]:
    """The directions that move something; a WeightWarning names the others, a WeightError where there are no more."""
    kept = [each for each in directions if each.data.any()]
    if not kept:
        raise WeightError(f"{path}: its direction is 0 everywhere; pass another file")
    if len(kept) < len(directions):
        zero = ", ".join(each.name for each in directions if not each.data.any())
        warn(f"{path.name}: {zero[:MAX_NAME_CHARS]} is 0 everywhere and left out", WeightWarning, stacklevel=3)
    return kept
