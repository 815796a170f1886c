"""Writing what was measured of a direction to its file in the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from styleclip.directions.library import DirectionFile, library_folder, locked_library
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.directions.style_direction_files import save_style_direction
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models


def keep_measures(file: DirectionFile, direction: StyleDirection | LatentDirection, models: Models) -> Path | None:
    """Write unit and range of a direction to its file, where that belongs to the library; None for another file.

    The other directions of a pack stay as they are. Raises OutputError where the library cannot be written to.
    """
    if file.path.parent != library_folder():
        return None
    with locked_library():
        if isinstance(direction, StyleDirection):
            return save_style_direction(direction, models, file.path)
        several = read_latent_directions(file.path)
        return save_latent_directions([_measured(each, direction) for each in several], file.path)


def _measured(each: LatentDirection, direction: LatentDirection) -> LatentDirection:
    """`each` with the measures of the direction, where it is that one."""
    if each.name != direction.name:
        return each
    return replace(each, unit=direction.unit, unit_of=direction.unit_of, range=direction.range)
