"""The shape of encoders on an IR-SE50 trunk. It imports no torch, since `--help` shows its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FRAME_PX = 256  # side of the aligned frame
WIDTHS = (64, 128, 256, 512)  # channels of the four stages of the trunk
UNITS = (3, 4, 14, 3)  # bottlenecks of each stage; the first one of a stage halves the resolution
MAX_DOWNSAMPLING = 2 ** len(UNITS)  # from the frame to the coarsest level of the pyramid

Combination = Literal["e4e", "psp"]


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of an encoder for a generator with `num_ws` vectors of `w_dim` numbers (18 of 512 at 1024 px).

    Args:
        num_ws: vectors of W+.
        kind: combination of the vectors, see `networks.e4e.Encoder`.
        w_dim: numbers of a vector.
        widths: channels of the four stages of the trunk.
        frame: side of the input in px, a power of 2.
        leak: slope of the leaky ReLU behind the trunk.

    The defaults are those of the published files.
    """

    num_ws: int
    kind: Combination = "e4e"
    w_dim: int = WIDTHS[-1]
    widths: tuple[int, ...] = WIDTHS
    frame: int = FRAME_PX
    leak: float = 0.01
