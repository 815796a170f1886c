"""The latent spaces of a generator in which a table of numbers can lie, by its shape alone.

| table | space |
|---|---|
| [..., num_ws, w_dim] | W+ |
| [N, z_dim] | Z |
| [N, w_dim] | W; also W+, num_ws rows each, where that is asked for |
| [N, num_ws * w_dim] | W+ |
| [N, C] | S |
| [N, C] without the channels of toRGB | S |

Axes of length 1 are left out, and a single row stands for [1, ...].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from styleclip.latents import Space
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
    num_ws, w_dim, z_dim, layout = generator.num_ws, generator.config.w_dim, generator.config.z_dim, generator.layout
    axes = [size for size in table.shape[:-1] if size != 1] + [table.shape[-1]]
    if axes[-1] == 1 and len(axes) > 1:  # styles [N, C, 1, 1]
        axes = axes[:-1]
    if axes[-2:] == [num_ws, w_dim]:
        yield SpaceReading(Space.W_PLUS, table.reshape(-1, num_ws, w_dim))
    if len(axes) > 2 or has_w_plus_axes(table, num_ws):
        return
    rows = table.reshape(-1, axes[-1])
    if rows.shape[1] == z_dim:
        yield SpaceReading(Space.Z, rows)
    if rows.shape[1] == w_dim:
        yield SpaceReading(Space.W, rows)
    if rows.shape[1] == w_dim and len(rows) > num_ws and len(rows) % num_ws == 0 and space is Space.W_PLUS:
        yield SpaceReading(Space.W_PLUS, rows.reshape(-1, num_ws, w_dim))
    if rows.shape[1] == num_ws * w_dim:
        yield SpaceReading(Space.W_PLUS, rows.reshape(-1, num_ws, w_dim))
    if rows.shape[1] == layout.size:
        yield SpaceReading(Space.S, rows)
    if rows.shape[1] == int((~layout.torgb_mask()).sum()):
        yield SpaceReading(Space.S, rows, has_torgb=False)


def has_w_plus_axes(table: Tensor, num_ws: int) -> bool:
    """Whether the table has the axes of W+, [..., num_ws, w_dim], written out."""
    return table.ndim >= Space.W_PLUS.ndim and table.shape[-2] == num_ws
