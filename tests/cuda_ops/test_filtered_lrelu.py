"""filtered_lrelu against the four steps that define it, written a second time, with two derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops import filtered_lrelu
from tests.helpers.ops import TAPS, random_normal

EXACT = 1e-12  # float64 sums of 256 terms of order 1
RADIAL = random_normal(3, 3, seed=7)
CASES: list[dict[str, Any]] = [
    {"up_filter": TAPS, "down_filter": TAPS, "up": 2, "down": 2, "padding": (3, 2)},
    {"up_filter": TAPS, "down_filter": TAPS[:3], "up": 4, "down": 2, "padding": (-2, -3)},
    {"up_filter": TAPS, "down_filter": RADIAL, "up": 2, "down": 2, "padding": (3, 2)},
    {"up_filter": RADIAL, "down_filter": TAPS, "up": 1, "down": 3, "padding": (3, 0)},
    {"up_filter": None, "down_filter": TAPS, "up": 1, "down": 1, "padding": (1, 2)},
    {"up_filter": TAPS, "down_filter": None, "up": 2, "down": 1, "padding": (-1, 2)},
    {"up_filter": None, "down_filter": None, "up": 1, "down": 1, "padding": (0, 0)},
]


def square(taps: Tensor | None) -> Tensor:
    """A filter as [K, K] in float64."""
    if taps is None:
        return torch.ones(1, 1, dtype=torch.float64)
    exact = taps.double()
    return torch.outer(exact, exact) if taps.ndim == 1 else exact


def convolve_planes(x: Tensor, kernel: Tensor) -> Tensor:
    """The valid part of the convolution of every plane, through Fourier space."""
    k, (h, w) = len(kernel), x.shape[2:]
    product = torch.fft.rfft2(x) * torch.fft.rfft2(F.pad(kernel, (0, w - k, 0, h - k)))
    return torch.fft.irfft2(product, s=(h, w))[:, :, k - 1 :, k - 1 :]


def filtered_lrelu_by_fourier(
    x: Tensor,
    bias: Tensor,
    scale: Tensor,
    up_filter: Tensor | None,
    down_filter: Tensor | None,
    up: int,
    down: int,
    padding: tuple[int, int],
    gain: float,
    slope: float,
    clamp: float | None,
) -> Tensor:
    n, c, h, w = x.shape
    before, after = padding
    canvas = torch.zeros(n, c, h * up + before + after, w * up + before + after, dtype=x.dtype)
    for i in range(h):
        for j in range(w):
            row, column = i * up + before, j * up + before
            if 0 <= row < canvas.shape[2] and 0 <= column < canvas.shape[3]:
                canvas[:, :, row, column] = x[:, :, i, j] * scale + bias
    y = up**2 * convolve_planes(canvas, square(up_filter))
    y = gain * torch.where(y > 0, y, slope * y)
    y = y if clamp is None else y.clamp(-clamp, clamp)
    return convolve_planes(y, square(down_filter))[:, :, ::down, ::down]


@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_filtered_lrelu_is_its_definition(case: dict[str, Any], clamp: float | None) -> None:
    x, bias, scale = random_normal(2, 3, 9, 8), random_normal(3, seed=1), random_normal(2, 3, seed=2)
    form = {**case, "gain": 1.5, "slope": 0.1, "clamp": clamp}
    found, expected = filtered_lrelu(x, bias, scale, **form), filtered_lrelu_by_fourier(x, bias, scale, **form)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= EXACT


def test_defaults_are_a_leaky_relu() -> None:
    x = random_normal(2, 3, 5, 6)
    assert torch.allclose(filtered_lrelu(x), F.leaky_relu(x, 0.2) * 2**0.5, atol=EXACT)


def test_bfloat16_stays_bfloat16() -> None:
    x, bias = random_normal(1, 3, 9, 8).bfloat16(), random_normal(3, seed=1).bfloat16()
    found = filtered_lrelu(x, bias, **CASES[0])
    exact = filtered_lrelu(x.double(), bias.double(), **CASES[0])
    assert found.dtype == torch.bfloat16
    assert (found.double() - exact).abs().max() <= 2**-6 * exact.abs().max()


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_derivatives(check: Callable[..., bool], case: dict[str, Any]) -> None:
    inputs = [random_normal(1, 2, 4, 5), random_normal(2, seed=1), random_normal(1, 2, seed=2)]
    assert check(
        lambda x, bias, scale: filtered_lrelu(x, bias, scale, **case, clamp=2.0),
        tuple(tensor.requires_grad_() for tensor in inputs),
    )
