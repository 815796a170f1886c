"""What the shape of a table can be for a generator of the usual sizes.

StyleGAN2 of 32 to 1024 px, configuration e or f; StyleGAN3 of 256 to 1024 px, configuration T or R, whose W+ has 16
rows at every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from styleclip.latents import Space, StyleLayout
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.networks.stylegan3_schedule import bands, channel_counts

RESOLUTIONS = tuple(2**k for k in range(5, 11))
CHANNEL_BASES = {"e": 2**14, "f": 2**15}  # configuration -> channels times pixels of a side
MAX_CHANNELS = 512
W_DIM = 512
WIDTHS = (64, 128, 256, 512, 1024)  # of z and w
MIN_WIDTH = 8  # of w; pictures have 3 or 4 numbers there
MAX_SHARED_PX = 128  # StyleCLIP's script measures relevance up to this resolution
NUM_WS = {2 * k - 2: 2**k for k in range(2, 13)}  # vectors of W+ -> resolution of a StyleGAN2
STYLEGAN3_NUM_WS = 16  # vectors of W+ of a StyleGAN3: the input, 14 layers and toRGB
STYLEGAN3_RESOLUTIONS = (256, 512, 1024)
STYLEGAN3_WIDTHS = {"T": 1, "R": 2}  # configuration -> times the channels of CHANNEL_BASES and MAX_CHANNELS


class _Member(NamedTuple):
    name: str
    layout: StyleLayout
    is_stylegan3: bool = False


@cache
def _members() -> tuple[_Member, ...]:
    stylegan2 = [
        _Member(f"{resolution} px, config {letter}", StyleLayout.from_channels(_channels(resolution, base)))
        for resolution in reversed(RESOLUTIONS)
        for letter, base in reversed(CHANNEL_BASES.items())
    ]
    return (*stylegan2, *_stylegan3_members())


def _stylegan3_members() -> list[_Member]:
    """The published StyleGAN3 of each size; of 256 px there are two channel bases, of which one name is enough."""
    found = []
    for letter, times in STYLEGAN3_WIDTHS.items():
        for resolution in reversed(STYLEGAN3_RESOLUTIONS):
            for base in reversed(CHANNEL_BASES.values()) if resolution == 256 else [CHANNEL_BASES["f"]]:
                channels = channel_counts(bands(resolution, STYLEGAN3_NUM_WS - 2), times * base, times * MAX_CHANNELS)
                layout = StyleGAN3Config(W_DIM, W_DIM, (W_DIM,), resolution, channels).layout()
                found.append(_Member(f"StyleGAN3 of {resolution} px, config {letter}", layout, True))
    return found


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
        readings.append(f"{codes} of {_w_plus_name(axes[-2])}, w of {axes[-1]}")
    if len(axes) <= 2:
        readings += _row_readings(axes[-1])
    if space is not None:
        named = {Space.Z: "W or Z", Space.W: "W or Z", Space.W_PLUS: "W+", Space.S: "S "}[space]
        readings = [reading for reading in readings if named in reading] or [f"latents in {space.value}"]
    return readings[:1] if is_w_plus(shape) else readings


def _w_plus_name(num_ws: int) -> str:
    return f"{NUM_WS[num_ws]} px{' or of a StyleGAN3' if num_ws == STYLEGAN3_NUM_WS else ''}"


def is_w_plus(shape: Sequence[int]) -> bool:
    """Whether the shape is [..., num_ws, w_dim] of a StyleGAN2 or StyleGAN3."""
    return len(shape) >= Space.W_PLUS.ndim and shape[-2] in NUM_WS and shape[-1] >= MIN_WIDTH


def _row_readings(width: int) -> list[str]:
    readings = [f"W or Z of {width}"] if width in WIDTHS else []
    if width % W_DIM == 0 and width // W_DIM in NUM_WS:
        readings.append(f"W+ of {_w_plus_name(width // W_DIM)} in one row")
    for name, layout, _ in _members():
        if width == layout.size:
            readings.append(f"S of {name}")
        elif width == convolution_channels(layout):
            readings.append(f"S without toRGB of {name}")
    return readings


def relevance_readings(shape: Sequence[int]) -> list[str]:
    """The generators of the family that have as many channels as the table has rows.

    They are those of the convolutions of a StyleGAN2, all or up to 128 px, and all channels of a StyleGAN3.
    """
    if len(shape) != 2 or shape[0] == 1:
        return []
    return [
        f"relevance of {name}{'' if largest is None else f', up to {largest} px'}"
        for name, layout, is_stylegan3 in _members()
        for largest in ((None,) if is_stylegan3 else (None, MAX_SHARED_PX))
        if shape[0] == (layout.size if is_stylegan3 else convolution_channels(layout, largest))
        and (largest is None or shape[0] != convolution_channels(layout))
    ]
