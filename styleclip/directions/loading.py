"""Load a direction by its name, path or URL, and save one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from styleclip.directions.library import DirectionFile, direction_file
from styleclip.directions.own_files import LIST, REMEDY, read_latent_directions, save_latent_directions
from styleclip.directions.style_direction_files import load_style_direction, save_style_direction
from styleclip.errors import WeightError
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.storage.recording import InputFile
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import read_own

MAX_NAMES = 8  # of directions in an error


def load_direction(name: str | Path, models: Models, fetch: Fetch = fetch) -> StyleDirection | LatentDirection:
    """The direction of a name in the library or the catalog, of a file or a URL; `PACK:NAME` for one of several.

    Raises WeightError for an unknown name, a file without a direction, and for one of another generator.

    Example:
        smile = styleclip.load_direction("smile.safetensors", models)
        result = editor.edit_together(editor.sample(seed=3), [Slider(smile, 2)])
    """
    file = direction_file(str(name), fetch)
    if LIST in read_own(file.path, "direction", REMEDY).about:
        return _load_latent_direction(file, models)
    return load_style_direction(file.path, models)


def save_direction(direction: StyleDirection | LatentDirection, models: Models, path: str | Path) -> Path:
    """Write a direction for `load_direction`; raises OutputError where that cannot be done."""
    if isinstance(direction, LatentDirection):
        return save_latent_directions([direction], path)
    return save_style_direction(direction, models, path)


def _load_latent_direction(file: DirectionFile, models: Models) -> LatentDirection:
    directions = {each.name: each for each in read_latent_directions(file.path)}
    with error_context(file.path):
        direction = choose_direction(directions, file.key)
        direction.check_fits(models)
    origin = {**direction.origin, "file": InputFile(file.path), "sha256": sha256_of(file.path)}
    return replace(direction, origin=origin)


def choose_direction(directions: dict[str, LatentDirection], key: str | None) -> LatentDirection:
    """The direction of this name, or the only one. Raises WeightError that lists names."""
    names = ", ".join(list(directions)[:MAX_NAMES]) + (", ..." if len(directions) > MAX_NAMES else "")
    if key is not None:
        if key not in directions:
            raise WeightError(f"it has no direction {key!r}; those in it are {names}")
        return directions[key]
    if len(directions) > 1:
        raise WeightError(f"it holds {len(directions)} directions; pass one as NAME:KEY, of {names}")
    [direction] = directions.values()
    return direction
