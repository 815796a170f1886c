"""The directions in a table of a file, for a generator: its shapes tell their space and how many there are.

| table | read as |
|---|---|
| [1, w_dim], [w_dim] | one direction in W |
| [num_ws, w_dim] of equal rows, in any of the shapes below | one in W |
| [num_ws, w_dim], [1, num_ws, w_dim], [1, num_ws * w_dim] | one in W+; the lengths of its rows are kept |
| [num_ws, w_dim] of orthonormal rows, as those of SeFa; [K, w_dim] | K in W |
| [1, C], styles of every layer, with or without toRGB | one in S, where toRGB stays |
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space, StyleLayout
from styleclip.networks.generator import Generator
from styleclip.weights.formats.component_tables import GANSPACE, IN_Z
from styleclip.weights.formats.direction_tables import MAX_DIRECTIONS
from styleclip.weights.formats.found_direction import FoundDirection
from styleclip.weights.formats.style_tables import check_finite, check_real
from styleclip.weights.space_readings import SpaceReading, has_w_plus_axes, space_readings

DIRECTION_IN_Z = "the file says that it is in z, which no photo has; pass one in w, or say --space w if it is wrong"
ORTHOGONAL = 1e-3  # the largest cosine of two rows of a set of components


class Steps(NamedTuple):
    """Directions of one space: W [N, w_dim], W+ [N, num_ws, w_dim] or S [N, C], and what was assumed."""

    space: Space
    data: Tensor
    note: str = ""


def read_steps(found: FoundDirection, generator: Generator, space: Space | None = None) -> Steps:
    """The directions in a table, in float32; `space` decides instead of the shape.

    Raises WeightError for a table that does not fit the generator, holds NaN, or no real numbers.
    """
    if found.space is Space.Z and space is None:
        raise WeightError(IN_Z if found.format == GANSPACE else DIRECTION_IN_Z)
    if math.prod(found.tensor.shape[:-1]) > MAX_DIRECTIONS * generator.num_ws:
        raise WeightError(f"it holds more than {MAX_DIRECTIONS} directions; pass latents with --latent")
    table = check_real(check_finite(found.tensor.read(), "direction"))
    if found.widths and space in (None, Space.S):
        return _from_layers(table, found.widths, generator.layout)
    reading, note = _choose(table, generator, space or found.space, found.separate)
    if reading.space is Space.S and not reading.has_torgb:
        filled = torch.zeros(len(reading.rows), generator.layout.size)
        filled[:, ~generator.layout.torgb_mask()] = reading.rows
        return Steps(Space.S, filled)
    if reading.space is Space.W_PLUS and torch.equal(reading.rows, reading.rows[:, :1].expand_as(reading.rows)):
        return Steps(Space.W, reading.rows[:, 0].contiguous())
    return Steps(reading.space, reading.rows, note)


def _choose(table: Tensor, generator: Generator, space: Space | None, separate: bool) -> tuple[SpaceReading, str]:
    """The reading of a table, and the note on a guess."""
    readings = {
        reading.space: reading
        for reading in space_readings(table, generator, space)
        if reading.space is not Space.Z and space in (None, reading.space)
    }
    if not readings:
        raise WeightError(_misfit(table, generator, space))
    w_plus, w = readings.get(Space.W_PLUS), readings.get(Space.W)
    if w_plus is None or w is None or has_w_plus_axes(table, generator):
        return next(iter(readings.values())), ""
    if separate:
        return w, ""
    rows = w_plus.rows[0]
    if _are_orthonormal(rows):
        why = f"{len(rows)} directions of W, since they are orthogonal to each other and of length 1"
        return w, _guess(table, why, Space.W_PLUS)
    if torch.equal(rows, rows[:1].expand_as(rows)):
        return w_plus, ""
    return w_plus, _guess(table, f"one direction of W+, since it has a row for each of its {len(rows)} w", Space.W)


def _guess(table: Tensor, what: str, other: Space) -> str:
    return (
        f"the table {list(table.shape)} is read as {what}; `direction import --space {other.value}` reads it as "
        f"{other.value.upper()}"
    )


def _are_orthonormal(rows: Tensor) -> bool:
    cosines = rows.double() @ rows.double().T
    return bool(((cosines - torch.eye(len(rows))).abs() < ORTHOGONAL).all())


def _from_layers(table: Tensor, widths: tuple[int, ...], layout: StyleLayout) -> Steps:
    """S [N, C] from the styles of layers side by side; those of layers that the table lacks are 0.

    The layers are all, or those of convolutions; StyleGAN-Human has one file too many, and uses the first ones.
    Raises WeightError where the widths are not those of the generator.
    """
    convolutions = [entry for entry in layout.entries if not entry.is_torgb]
    entries = list(layout.entries) if len(widths) == len(layout.entries) else convolutions
    count = min(len(widths), len(entries))
    if 2 * count <= len(entries) or [entry.channels for entry in entries[:count]] != list(widths[:count]):
        raise WeightError(
            f"its {len(widths)} layers have {', '.join(map(str, widths[:4]))}, ... channels, as this generator has "
            "not; pass the generator that it was made for with --model"
        )
    filled = torch.zeros(len(table), layout.size)
    for entry, styles in zip(entries, table.split(widths, dim=1), strict=False):
        filled[:, entry.span] = styles
    used = f"it has {len(widths)} layers, and this generator {len(entries)}; the first {count} are used"
    return Steps(Space.S, filled, "" if len(widths) == len(entries) else used)


def _misfit(table: Tensor, generator: Generator, space: Space | None) -> str:
    width, num_ws = generator.config.w_dim, generator.num_ws
    shapes = {Space.W: [1, width], Space.W_PLUS: [num_ws, width], Space.S: [1, generator.layout.size]}
    wanted = [f"{each.value} {shape}" for each, shape in shapes.items() if space in (None, each)]
    return (
        f"its table {list(table.shape)} does not fit this generator, whose directions are {' or '.join(wanted)}; "
        "pass the generator that it was made for with --model"
    )
