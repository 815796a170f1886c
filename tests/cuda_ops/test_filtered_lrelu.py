"""filtered_lrelu against the four steps that define it, written a second time, with two derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops import filtered_lrelu, filtered_lrelu_reference
from tests.helpers.native_ops import layout, needs_native
from tests.helpers.ops import LOW_PRECISIONS, TAPS, output_and_gradients, random_normal

__all__ = ["layout"]  # a fixture
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
def test_filtered_lrelu_is_its_definition(
    ops: str, layout: torch.memory_format, case: dict[str, Any], clamp: float | None
) -> None:
    x, bias, scale = random_normal(2, 3, 9, 8, layout=layout), random_normal(3, seed=1), random_normal(2, 3, seed=2)
    form = {**case, "gain": 1.5, "slope": 0.1, "clamp": clamp}
    found, expected = filtered_lrelu(x, bias, scale, **form), filtered_lrelu_by_fourier(x, bias, scale, **form)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= EXACT


def test_wide_pictures_of_many_channels(ops: str, layout: torch.memory_format) -> None:
    """More columns and channels than the kernels take at once, with the filters of StyleGAN3."""
    x, bias, scale = random_normal(2, 19, 5, 41, layout=layout), random_normal(19, seed=1), random_normal(2, 19, seed=2)
    up_filter, down_filter = random_normal(24, seed=3) / 24, random_normal(12, seed=4) / 12
    for down_taps in (down_filter, torch.outer(down_filter, down_filter) + torch.eye(12) / 12):
        case = {"up_filter": up_filter, "down_filter": down_taps, "up": 4, "down": 2, "padding": (20, -3)}
        form = {**case, "gain": 1.5, "slope": 0.1, "clamp": 1.0}
        found, expected = filtered_lrelu(x, bias, scale, **form), filtered_lrelu_by_fourier(x, bias, scale, **form)
        assert (found - expected).abs().max() <= EXACT


def test_defaults_are_a_leaky_relu(ops: str) -> None:
    x = random_normal(2, 3, 5, 6)
    assert torch.allclose(filtered_lrelu(x), F.leaky_relu(x, 0.2) * 2**0.5, atol=EXACT)


@pytest.mark.parametrize("dtype", LOW_PRECISIONS)
@pytest.mark.parametrize("case", [CASES[0], CASES[2]], ids=str)
def test_native_rounds_no_worse_than_twice_plain_torch(
    layout: torch.memory_format, case: dict[str, Any], dtype: torch.dtype
) -> None:
    """As plain torch at this precision; the gradient to x, too. The sums behind the others are those of bias_act."""
    needs_native()
    inputs = [random_normal(2, 3, 24, 25, layout=layout).to(dtype)]
    form = {**case, "slope": 1.0}  # without jumps of the derivative, which rounding moves
    right = output_and_gradients(partial(filtered_lrelu_reference, **form), [tensor.double() for tensor in inputs])
    native = output_and_gradients(partial(filtered_lrelu, **form), inputs)
    plain = output_and_gradients(partial(filtered_lrelu_reference, **form), inputs)
    for ours, theirs, true in zip(native, plain, right, strict=True):
        ours_rms, theirs_rms = ((found - true).square().mean().sqrt() for found in (ours, theirs))
        assert ours_rms <= 2 * theirs_rms + torch.finfo(dtype).eps * true.abs().max() / 2, (ours_rms, theirs_rms)


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_derivatives(ops: str, layout: torch.memory_format, check: Callable[..., bool], case: dict[str, Any]) -> None:
    inputs = [random_normal(1, 2, 4, 3, layout=layout), random_normal(2, seed=1), random_normal(1, 2, seed=2)]
    assert check(
        lambda x, bias, scale: filtered_lrelu(x, bias, scale, **case, clamp=2.0),
        tuple(tensor.requires_grad_() for tensor in inputs),
    )


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the checker's own tools
def test_the_op_keeps_the_rules_of_torch(layout: torch.memory_format) -> None:
    """Schema, autograd registration, shapes without data, and the same result when compiled."""
    needs_native()
    x, bias, scale = random_normal(2, 3, 4, 5, layout=layout), random_normal(3, seed=1), random_normal(2, 3, seed=2)
    native, taps = torch.ops.cuda_ops, TAPS.double()
    for tensor in (x, bias, scale):
        tensor.requires_grad_()
    form = (2, 2, [3, 2], 1.5, 0.2, 0.9)
    torch.library.opcheck(native.filtered_lrelu.default, (x, bias, scale, taps, RADIAL, *form))
    grad = random_normal(2, 3, 4, 5, seed=4, layout=layout).requires_grad_()
    gate = (grad, RADIAL, 2, 2, x, bias, scale, taps, 2, [3, 2], 1.5, 0.2, 0.9, taps, 2, 0, [4, 5])
    torch.library.opcheck(native.filtered_lrelu_gate.default, gate)


def test_native_says_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    needs_native()
    x = torch.zeros(2, 3, 4, 5)
    with pytest.raises(RuntimeError, match="up_filter is larger than the padded picture"):
        filtered_lrelu(x, up_filter=torch.ones(6))
    with pytest.raises(RuntimeError, match="down_filter is larger than the picture"):
        filtered_lrelu(x, down_filter=torch.ones(6, 6))
    with pytest.raises(RuntimeError, match=r"scale needs the shape \[2, 3\]"):
        filtered_lrelu(x, scale=torch.zeros(1, 3))
