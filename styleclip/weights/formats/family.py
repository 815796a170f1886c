"""What the shape of a table can be for a StyleGAN2 of the usual sizes: 32 to 1024 px, configuration e or f."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from styleclip.latents import Space, StyleLayout

RESOLUTIONS = tuple(2**k for k in range(5, 11))
CHANNEL_BASES = {"e": 2**14, "f": 2**15}  # configuration -> channels times pixels of a side
MAX_CHANNELS = 512
W_DIM = 512
WIDTHS = (64, 128, 256, 512, 1024)  # of z and w
MIN_WIDTH = 8  # of w; pictures have 3 or 4 numbers there
MAX_SHARED_PX = 128  # StyleCLIP's script measures relevance up to this resolution
NUM_WS = {2 * k - 2: 2**k for k in range(2, 13)}  # vectors of W+ -> resolution


class _Member(NamedTuple):
    name: str
    layout: StyleLayout


@cache
def _members() -> tuple[_Member, ...]:
    return tuple(
        _Member(f"{resolution} px, config {letter}", StyleLayout.from_channels(_channels(resolution, base)))
        for resolution in reversed(RESOLUTIONS)
        for letter, base in reversed(CHANNEL_BASES.items())
    )


def _channels(resolution: int, base: int) -> dict[int, int]:
    sides = [2**k for k in range(2, resolution.bit_length())]
    return {side: min(base // side, MAX_CHANNELS) for side in sides}


def convolution_channels(layout: StyleLayout, largest: int | None = None) -> int:
    """The style channels of the convolutions up to a resolution, toRGB left out."""
    entries = [entry for entry in layout.entries if not entry.is_torgb]
    return sum(entry.channels for entry in entries if largest is None or entry.resolution <= largest)


def latent_readings(shape: Sequence[int], space: Space | None = None, separate: bool = False) -> list[str]:
    """What latents a table of this shape can hold, in words; [] where it fits no generator of the family.

    Of a table with `separate` rows each is a code, so they are no code of W+ together.
    """
    axes = [size for size in shape[:-1] if size != 1] + [shape[-1]]
    readings = []
    if len(axes) > 1 and axes[-2] in NUM_WS and axes[-1] >= MIN_WIDTH and not separate:
        codes = "one code of W+" if len(axes) == 2 else "W+"
        readings.append(f"{codes} of {NUM_WS[axes[-2]]} px, w of {axes[-1]}")
    if len(axes) <= 2:
        readings += _row_readings(axes[-1])
    if space is not None:
        named = {Space.Z: "W or Z", Space.W: "W or Z", Space.W_PLUS: "W+", Space.S: "S "}[space]
        readings = [reading for reading in readings if named in reading] or [f"latents in {space.value}"]
    return readings[:1] if is_w_plus(shape) else readings


def is_w_plus(shape: Sequence[int]) -> bool:
    """Whether the shape is [..., num_ws, w_dim] of a StyleGAN2."""
    return len(shape) >= Space.W_PLUS.ndim and shape[-2] in NUM_WS and shape[-1] >= MIN_WIDTH


def _row_readings(width: int) -> list[str]:
    readings = [f"W or Z of {width}"] if width in WIDTHS else []
    if width % W_DIM == 0 and width // W_DIM in NUM_WS:
        readings.append(f"W+ of {NUM_WS[width // W_DIM]} px in one row")
    for name, layout in _members():
        if width == layout.size:
            readings.append(f"S of {name}")
        elif width == convolution_channels(layout):
            readings.append(f"S without toRGB of {name}")
    return readings


def relevance_readings(shape: Sequence[int]) -> list[str]:
    """The generators of the family whose convolutions, all or those up to 128 px, have as many channels as rows."""
    if len(shape) != 2 or shape[0] == 1:
        return []
    return [
        f"relevance of {name}{'' if largest is None else f', up to {largest} px'}"
        for name, layout in _members()
        for largest in (None, MAX_SHARED_PX)
        if shape[0] == convolution_channels(layout, largest)
        and (largest is None or shape[0] != convolution_channels(layout))
    ]
