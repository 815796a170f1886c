"""Load a direction by its name, path or URL, and save one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from styleclip.directions.foreign_files import catalog_generator
from styleclip.directions.importing import import_directions
from styleclip.directions.library import DirectionFile, direction_file, new_entry
from styleclip.directions.own_files import LIST, read_latent_directions, save_latent_directions
from styleclip.directions.records import REMEDY
from styleclip.directions.style_direction_files import load_style_direction, save_style_direction
from styleclip.errors import UsageError, WeightError, WeightWarning
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.runtime.warnings_of_thread import warn
from styleclip.storage.recording import InputFile
from styleclip.text.names import different_names, first_names, slug
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.direction_files import is_own_file
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import read_own
from styleclip.weights.hub import hub_origin

IMPORTED_FOR = "imported_for"  # in `origin`: fingerprint of the generator in use at the import

Choice = TypeVar("Choice", bound=StyleDirection | LatentDirection)


def load_direction(name: str | Path, models: Models, fetch: Fetch = fetch) -> StyleDirection | LatentDirection:
    """The direction of a name in the library or the catalog, of a file or a URL; `PACK:NAME` for one of several.

    Raises WeightError for an unknown name, a file without a direction, and for one of another generator.

    Example:
        smile = styleclip.load_direction("smile.safetensors", models)
        result = editor.edit_together(editor.sample(seed=3), [Slider(smile, 2)])
    """
    return read_direction(direction_file(str(name), fetch), models)


def read_direction(file: DirectionFile, models: Models) -> StyleDirection | LatentDirection:
    """The direction of a file, the one that it names or the only one. Raises WeightError as `load_direction`."""
    directions = {direction_name(each): each for each in read_directions(file.path, models)}
    with error_context(file.path):
        direction = choose_direction(directions, file.key)
        if isinstance(direction, LatentDirection):
            direction.check_fits(models)
            _warn_of_other_generator(direction, models)
    return direction


def _warn_of_other_generator(direction: LatentDirection, models: Models) -> None:
    """Issue a WeightWarning for a direction whose file names no generator, and that was imported for another one."""
    known = direction.origin.get(IMPORTED_FOR), models.generator_fingerprint
    if direction.generator is None and None not in known and not models.accepts_w(known[0]):
        text = f"{direction.label} was imported for another generator, and nothing says that it belongs to this one"
        warn(f"{text}; look at it before you rely on it", WeightWarning, stacklevel=4)


def read_directions(path: str | Path, models: Models) -> Sequence[StyleDirection | LatentDirection]:
    """All directions of a file or a folder, also those that `check_fits` refuses.

    Raises WeightError for a file without one.
    """
    own = is_own_file(path)
    if own and LIST not in read_own(path, "direction", REMEDY).about:
        return [load_style_direction(path, models)]
    found = read_latent_directions(path) if own else import_directions(path, models)
    found = [each.grow(models.generator) for each in found]
    source = {"file": InputFile(path), **hub_origin(path)}
    if not Path(path).is_dir():
        source["sha256"] = sha256_of(Path(path))
    return [replace(each, origin={**each.origin, **source}) for each in found]


def direction_name(direction: StyleDirection | LatentDirection) -> str:
    """What a direction is called in its file; that of a text by its target."""
    return direction.name if isinstance(direction, LatentDirection) else direction.prompt.target


def save_direction(direction: StyleDirection | LatentDirection, models: Models, path: str | Path) -> Path:
    """Write a direction for `load_direction`; raises OutputError where that cannot be done."""
    if isinstance(direction, LatentDirection):
        return save_latent_directions([direction], path)
    return save_style_direction(direction, models, path)


def add_to_library(
    directions: Sequence[StyleDirection | LatentDirection] | StyleDirection,
    name: str,
    models: Models,
    overwrite: bool = False,
) -> Path:
    """Write an entry of the library: one direction, which takes the name of the entry, or a pack of several.

    Names in a pack become such as stand in file names, and different: `Eye ratio` -> `eye-ratio`. Raises UsageError for
    a name that no entry can have and for texts in a pack, OutputError for a name that is taken, unless `overwrite`.
    """
    several = [directions] if isinstance(directions, StyleDirection) else list(directions)
    with new_entry(name, overwrite) as path:
        if len(several) == 1 and isinstance(several[0], StyleDirection):
            return save_style_direction(several[0], models, path)
        named: list[LatentDirection] = []
        for each in several:
            if isinstance(each, StyleDirection):
                raise UsageError(f"a pack holds no direction of a text, such as {each.prompt.target!r}; add it alone")
            title = name if len(several) == 1 else slug(each.name)
            named.append(replace(each, name=title, origin=_entry_origin(each, models)))
        titles = different_names(each.name for each in named)
        unique = [replace(each, name=title) for each, title in zip(named, titles, strict=True)]
        return save_latent_directions(unique, path)


def _entry_origin(direction: LatentDirection, models: Models) -> dict[str, Any]:
    """Where a direction comes from, and the name of its generator in the catalog, `for`, where it has one.

    Of a direction that belongs to no known generator, `imported_for` is the fingerprint of that of the models.
    """
    origin = dict(direction.origin)
    if direction.generator is None:
        return {IMPORTED_FOR: models.first_fingerprint, **origin}
    generator = catalog_generator(models) if direction.generator == models.first_fingerprint else None
    return {"for": generator.name, **origin} if generator else origin


def choose_direction(directions: Mapping[str, Choice], key: str | None) -> Choice:
    """The direction of this name, or the only one. Raises WeightError that lists names."""
    names = first_names(list(directions))
    if key is not None:
        if key not in directions:
            raise WeightError(f"it has no direction {key!r}; those in it are {names}")
        return directions[key]
    if len(directions) > 1:
        raise WeightError(f"it holds {len(directions)} directions; pass one as NAME:KEY, of {names}")
    [direction] = directions.values()
    return direction
