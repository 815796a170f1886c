"""The latent spaces of a generator in which a table of numbers can lie, by its shape alone.

| table | space |
|---|---|
| [..., num_ws, w_dim] | W+ |
| [N, z_dim] | Z |
| [N, w_dim] | W; also W+, num_ws rows each, where that is asked for |
| [N, num_ws * w_dim] | W+ |
| [N, C] | S |
| [N, C] without the channels of toRGB | S |

Axes of length 1 are left out, and a single row stands for [1, ...]. In place of `num_ws` there may be the number of
rows of the generator that this one was grown from; the last row is repeated then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from styleclip.latents import Space, repeat_last_row
from styleclip.networks.generator import Generator


class SpaceReading(NamedTuple):
    """Rows of a space: Z [N, z_dim], W [N, w_dim], W+ [N, num_ws, w_dim], S [N, C].

    Args:
        space: that the shape allows.
        rows: the numbers of the table; of S without toRGB only the channels of convolutions.
        has_torgb: False for S without the channels of toRGB.
    """

    space: Space
    rows: Tensor
    has_torgb: bool = True


def space_readings(table: Tensor, generator: Generator, space: Space | None) -> Iterator[SpaceReading]:
    """All spaces of the generator that fit the table; codes of W+ below each other only where W+ is asked for."""
    w_dim, z_dim, layout = generator.config.w_dim, generator.config.z_dim, generator.layout
    axes = [size for size in table.shape[:-1] if size != 1] + [table.shape[-1]]
    if axes[-1] == 1 and len(axes) > 1:  # styles [N, C, 1, 1]
        axes = axes[:-1]
    for count in generator.row_counts:
        if axes[-2:] == [count, w_dim]:
            yield _w_plus(table, count, generator)
    if len(axes) > 2 or has_w_plus_axes(table, generator):
        return
    rows = table.reshape(-1, axes[-1])
    if rows.shape[1] == z_dim:
        yield SpaceReading(Space.Z, rows)
    if rows.shape[1] == w_dim:
        yield SpaceReading(Space.W, rows)
    for count in generator.row_counts:
        if rows.shape[1] == w_dim and len(rows) > count and len(rows) % count == 0 and space is Space.W_PLUS:
            yield _w_plus(rows, count, generator)
        if rows.shape[1] == count * w_dim:
            yield _w_plus(rows, count, generator)
    if rows.shape[1] == layout.size:
        yield SpaceReading(Space.S, rows)
    if rows.shape[1] == int((~layout.torgb_mask()).sum()):
        yield SpaceReading(Space.S, rows, has_torgb=False)


def has_w_plus_axes(table: Tensor, generator: Generator) -> bool:
    """Whether the table has the axes of W+, [..., num_ws, w_dim], written out."""
    return table.ndim >= Space.W_PLUS.ndim and table.shape[-2] in generator.row_counts


def _w_plus(table: Tensor, count: int, generator: Generator) -> SpaceReading:
    """The reading of a table as codes of W+ with `count` rows each."""
    rows = table.reshape(-1, count, generator.config.w_dim)
    return SpaceReading(Space.W_PLUS, rows if count == generator.num_ws else repeat_last_row(rows, generator.num_ws))
