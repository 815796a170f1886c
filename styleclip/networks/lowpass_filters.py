"""The low-pass filters of StyleGAN3 (Karras et al. 2021, appendix C): Kaiser-windowed sinc, or jinc for radial ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def lowpass_filter(taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> Tensor | None:
    """A low-pass FIR filter with gain 1 at frequency 0: [taps] for separable use, [taps, taps] where it is `radial`.

    `cutoff`, `half_width` of the transition band and the sampling `rate` are in cycles per image. None for one tap,
    which filters nothing. On the CPU in float32, computed in float64.
    """
    if taps == 1:
        return None
    beta = kaiser_beta(taps, 2 * half_width, rate)
    window = torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64, device="cpu")
    x = (torch.arange(taps, dtype=torch.float64, device="cpu") - (taps - 1) / 2) / rate
    if radial:
        r = torch.hypot(x, x[:, None])  # never 0, as the number of taps is even
        weights = torch.special.bessel_j1(2 * math.pi * cutoff * r) / (math.pi * r) * torch.outer(window, window)
    else:
        weights = torch.sinc(2 * cutoff * x) * window
    return (weights / weights.sum()).float()


def kaiser_beta(taps: int, width: float, rate: float) -> float:
    """The shape of the Kaiser window whose transition band has this width (Kaiser 1974)."""
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95  # dB
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0
