"""Sizes, sampling rates and filters of the layers of StyleGAN3 (Karras et al. 2021, section 3 and appendix C).

Frequencies are in cycles per image: a cutoff of 8 at a sampling rate of 16 is the Nyquist limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Band:
    """What a feature map can hold: its size with margins in px, its sampling rate, cutoff and transition half width."""

    size: int
    rate: int
    cutoff: float
    half_width: float


@dataclass(frozen=True)
class LayerShape:
    """A layer: the bands of its input and output, its channels, and the resampling between them."""

    name: str
    source: Band
    target: Band
    in_channels: int
    out_channels: int
    kernel: int
    is_critical: bool  # the band reaches the Nyquist limit; its down filter is separable in config R too
    is_torgb: bool
    filter_size: int

    @property
    def middle_rate(self) -> int:
        """The sampling rate of the non-linearity."""
        return max(self.source.rate, self.target.rate) * (1 if self.is_torgb else 2)

    @property
    def up(self) -> int:
        return self.middle_rate // self.source.rate

    @property
    def down(self) -> int:
        return self.middle_rate // self.target.rate

    @property
    def up_taps(self) -> int:
        return self.filter_size * self.up if self.up > 1 and not self.is_torgb else 1

    @property
    def down_taps(self) -> int:
        return self.filter_size * self.down if self.down > 1 and not self.is_torgb else 1

    @property
    def padding(self) -> tuple[int, int]:
        """Before and after, in px of the upsampled map; negative where it is cropped."""
        needed = (self.target.size - 1) * self.down + 1
        total = needed - (self.source.size + self.kernel - 1) * self.up + self.up_taps + self.down_taps - 2
        before = (total + self.up) // 2
        return before, total - before


def bands(
    resolution: int,
    layers: int,
    critical: int = 2,
    first_cutoff: float = 2,
    first_stopband: float = 2**2.1,
    last_stopband_rel: float = 2**0.3,
    margin: int = 10,
) -> list[Band]:
    """The bands of the input and of every layer's output, `layers + 1` in all: geometric progressions of the cutoff and
    of the stopband, which end at the Nyquist limit in the last `critical` layers."""
    last_cutoff = resolution / 2
    exponents = np.minimum(np.arange(layers + 1) / (layers - critical), 1)
    cutoffs = first_cutoff * (last_cutoff / first_cutoff) ** exponents
    stopbands = first_stopband * (last_cutoff * last_stopband_rel / first_stopband) ** exponents
    rates = np.exp2(np.ceil(np.log2(np.minimum(stopbands * 2, resolution))))
    half_widths = np.maximum(stopbands, rates / 2) - cutoffs
    sizes = rates + 2 * margin
    sizes[-2:] = resolution
    values = zip(sizes, rates, cutoffs, half_widths, strict=True)
    return [Band(int(size), int(rate), float(cutoff), float(width)) for size, rate, cutoff, width in values]


def layer_shapes(
    steps: Sequence[Band], channels: Sequence[int], kernel: int, critical: int, filter_size: int
) -> list[LayerShape]:
    """The layers between the bands; `channels` are those of the input and of every output, the last is toRGB's."""
    shapes = []
    last = len(steps) - 1
    for i, target in enumerate(steps):
        source = steps[max(i - 1, 0)]
        is_torgb = i == last
        shapes.append(
            LayerShape(
                name=f"L{i}_{target.size}_{channels[i + 1]}",
                source=source,
                target=target,
                in_channels=channels[i],
                out_channels=channels[i + 1],
                kernel=1 if is_torgb else kernel,
                is_critical=i >= last - critical,
                is_torgb=is_torgb,
                filter_size=filter_size,
            )
        )
    return shapes


def channel_counts(steps: Sequence[Band], base: int = 32768, most: int = 512, img_channels: int = 3) -> tuple[int, ...]:
    """The published channels: `base / 2 / cutoff`, at most `most`; config R has twice both numbers."""
    counts = [round(min(base / 2 / band.cutoff, most)) for band in steps]
    return (counts[0], *counts[:-1], img_channels)
