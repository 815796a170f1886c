"""The shape of encoders on an IR-SE50 trunk, without torch, so that `--help` can show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FRAME = 256  # px, the side of the aligned frame
WIDTHS = (64, 128, 256, 512)  # channels of the four stages of the trunk
UNITS = (3, 4, 14, 3)  # bottlenecks of each stage; the first one of a stage halves the resolution
DEEPEST = 2 ** len(UNITS)  # how much smaller than the frame the coarsest level is

Combination = Literal["e4e", "psp"]


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of an encoder for a generator with `num_ws` vectors of `w_dim` numbers (18 of 512 at 1024 px).

    Its frame is the side in px of the picture it looks at, a power of 2; `widths` are the channels of the trunk, and
    `leak` is the slope of the small networks' leaky ReLU. The defaults are those of the published files.
    """

    num_ws: int
    kind: Combination = "e4e"
    w_dim: int = WIDTHS[-1]
    widths: tuple[int, ...] = WIDTHS
    frame: int = FRAME
    leak: float = 0.01
