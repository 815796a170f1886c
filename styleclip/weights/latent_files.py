"""Latents in files of any author, for a generator: its shapes tell the space of a table, its values the rest.

| table | read as |
|---|---|
| [N, num_ws, w_dim] | W+ |
| [num_ws, w_dim] | one code of W+, with a warning |
| [N, z_dim] of Gaussian numbers | Z, with a warning unless w_dim is another |
| [N, w_dim] | W |
| [N, C] | S |
| [N, C] without the channels of toRGB | S; toRGB has the styles of the average w, with a warning |
| [N, num_ws * w_dim] | W+ |

Codes of the smaller generator that it was grown from have fewer rows of W+; the last one is repeated. Axes of length 1
are left out, and a single row stands for [1, ...]. A space that is given decides, e.g. `w` for a table
[num_ws, w_dim] of as many people.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.registry import read_one
from styleclip.weights.formats.style_tables import CODES, ROW_BATCH, UNIT_ROWS, check_real, is_matrix, is_unit
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor
from styleclip.weights.space_readings import has_w_plus_axes, space_readings

TESTED_ROWS = 1000  # of a table, to tell Z from W
LENGTH_TOLERANCE = 4.0  # of the length of z, whose standard deviation is 0.71: of a million rows, one is 3.4 off
MEAN_DEVIATIONS = 6.0  # of the mean of z, in standard deviations
CDF_TOLERANCE = 0.05  # of the distribution of z from that of Gaussian numbers; W, after leaky ReLU, is about 0.3 off
CDF_DEVIATIONS = 1.95  # over the square root of the number of values: exceeded by chance once in 1000 (Kolmogorov)


class Reading(NamedTuple):
    """A latent, and the sentence that says what was guessed; "" for what is certain."""

    latent: Latent
    note: str = ""


def load_latents(path: str | Path, generator: Generator | None = None, space: Space | str | None = None) -> Latent:
    """All latents in a file of StyleCLIP, of a projector or inverter, of StyleSpace or of ours.

    Issues a WeightWarning where the space was guessed. Raises WeightError for a file that holds none, is damaged, or
    does not fit.

    Args:
        path: the file, of any kind in docs/files.md.
        generator: what the latents are for. Without it only those whose file or shape tells the space can be read.
        space: z, w, w+ or s, instead of a guess.

    Example:
        latent = styleclip.load_latents("projected_w.npz", models.generator)
    """
    with error_context(path):
        content = read_one(path, "latents", "table")
        content.check()
        [(name, tensor)] = content.tensors.items()
        table, separate = check_real(read_tensor(tensor)), name == CODES
        wanted, named = Space(space) if space else None, content.config
        if named and wanted and named is not wanted:
            raise WeightError(
                f"its table {list(table.shape)} is in {named.value}, not {wanted.value}; leave the space out"
            )
        space = wanted or named
        reading = read_codes(table, generator, space, separate) if generator else _read_alone(table, space)
    if reading.note:
        warnings.warn(f"{Path(path).name}: {reading.note}", WeightWarning, stacklevel=2)
    return reading.latent


def read_codes(table: Tensor, generator: Generator, space: Space | None = None, separate: bool = False) -> Reading:
    """The latents of a generator in a table of numbers; WeightError where its shape fits no space, or not this one.

    `separate` rows lie each by itself in the file, so they are as many codes, not those of one W+.
    """
    head = table[:ROW_BATCH] if table.ndim > 1 else table
    if space is None and is_matrix(table.shape) and is_unit(head, lambda: table):
        raise WeightError(
            f"it holds a table {list(table.shape)}, and {UNIT_ROWS}; pass latents, or say space= or --latent-space"
        )
    readings = [reading for reading in _readings(table, generator, space) if space in (None, reading.latent.space)]
    if not readings:
        raise WeightError(_misfit(table, generator, space))
    if space is None and len(readings) > 1:
        return _choose(readings, table, generator, separate)
    note = readings[0].note if readings[0].latent.space is Space.S else ""
    return Reading(readings[0].latent, note)


def _read_alone(table: Tensor, space: Space | None) -> Reading:
    """Latents of an unknown generator."""
    space = space or (Space.W_PLUS if table.ndim == Space.W_PLUS.ndim else None)
    if space is None or table.ndim != space.ndim:
        raise WeightError(f"the generator tells the space of a table {list(table.shape)}; pass it as generator=")
    return Reading(Latent(space, table))


def _readings(table: Tensor, generator: Generator, space: Space | None) -> Iterator[Reading]:
    """All latents of the generator that the table can be by its shape."""
    for fit, rows, has_torgb in space_readings(table, generator, space):
        if has_torgb:
            yield Reading(Latent(fit, rows))
            continue
        styles = generator.to_space(Latent(Space.W, generator.w_avg[None]), Space.S).data.cpu().repeat(len(rows), 1)
        styles[:, ~generator.layout.torgb_mask()] = rows
        yield Reading(Latent(Space.S, styles), "it has no styles of toRGB; those of the average w are used")


def _choose(readings: list[Reading], table: Tensor, generator: Generator, separate: bool) -> Reading:
    """The likeliest of several readings: one code of W+ unless its rows are separate, then Z by its numbers, then W."""
    by_space = {reading.latent.space: reading.latent for reading in readings}
    z, w_plus = by_space.get(Space.Z), by_space.get(Space.W_PLUS)
    gaussian = z is not None and is_gaussian(z.data)
    if w_plus is not None and not separate:
        other = Space.Z if gaussian else Space.W
        rows = table.numel() // (len(w_plus) * generator.config.w_dim)
        note = _guess(table, w_plus, f"it has a row for each of the {rows} w of a code", other)
        return Reading(w_plus, "" if has_w_plus_axes(table, generator) else note)
    if z is not None and gaussian:
        return Reading(z, _guess(table, z, "its numbers are Gaussian", Space.W))
    latent = by_space.get(Space.W) or readings[0].latent
    return Reading(latent, _guess(table, latent, "each lies by itself in the file", Space.W_PLUS) if w_plus else "")


def _guess(table: Tensor, latent: Latent, reason: str, other: Space) -> str:
    count = f"{len(latent)} code{'' if len(latent) == 1 else 's'}"
    return (
        f"the table {list(table.shape)} is read as {count} of {latent.space.value.upper()}, since {reason}; "
        f"--latent-space {other.value} reads it as {other.value.upper()}"
    )


def is_gaussian(rows: Tensor) -> bool:
    """Whether rows [N, D] look like z, drawn from a standard normal distribution, rather than like w.

    Each has about the length sqrt(D) and the mean 0, and all numbers together the distribution of Gaussian ones.
    """
    rows = rows[:TESTED_ROWS].double()
    width = rows.shape[1]
    near = (rows.norm(dim=1) - math.sqrt(width)).abs() <= LENGTH_TOLERANCE
    centred = rows.mean(dim=1).abs() <= MEAN_DEVIATIONS / math.sqrt(width)
    values = rows.flatten().sort().values
    expected = torch.special.ndtr(values)
    found = torch.arange(1, len(values) + 1, dtype=torch.double) / len(values)
    distance = (expected - found).abs().max()
    return bool(near.all() and centred.all() and distance <= CDF_TOLERANCE + CDF_DEVIATIONS / math.sqrt(len(values)))


def _misfit(table: Tensor, generator: Generator, space: Space | None) -> str:
    config, layout = generator.config, generator.layout
    shapes = {
        Space.Z: ["N", config.z_dim],
        Space.W: ["N", config.w_dim],
        Space.W_PLUS: ["N", generator.num_ws, config.w_dim],
        Space.S: ["N", layout.size],
    }
    wanted = [f"{each.value} [{', '.join(map(str, shapes[each]))}]" for each in ([space] if space else Space)]
    return (
        f"its table {list(table.shape)} does not fit this generator, whose shapes are {', '.join(wanted)}; "
        "pass latents made for it"
    )
