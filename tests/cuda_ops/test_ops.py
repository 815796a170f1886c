"""Both implementations of every native op against definitions written a second time, with two derivatives each."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops import bias_act, blur_act, upfirdn2d
from tests.helpers.native_ops import layout
from tests.helpers.ops import TAPS, bias_act_terms, random_normal

__all__ = ["layout"]  # a fixture
EXACT = 1e-12  # float64 sums of 16 terms of order 1


UPFIRDN2D: list[dict[str, Any]] = [
    {"padding": (1, 1), "gain": 4.0},
    {"padding": (-1, 2)},
    {"up": 2, "padding": (2, 1), "gain": 4.0},
    {"down": 2, "padding": (1, 1)},
    {"up": 3, "down": 2, "padding": (1, 3)},
]


def upfirdn2d_by_loops(
    x: Tensor, taps: Tensor, up: int = 1, down: int = 1, padding: tuple[int, int] = (0, 0), gain: float = 1.0
) -> Tensor:
    """Every output pixel as a sum over the pixels of `x` that its filter window meets."""
    n, c, height, width = x.shape
    k, before = len(taps), padding[0]
    rows = (height * up + sum(padding) - k) // down + 1
    columns = (width * up + sum(padding) - k) // down + 1
    out = torch.zeros(n, c, rows, columns, dtype=x.dtype)
    taps = taps.double()
    for row, column, i, j in itertools.product(range(rows), range(columns), range(k), range(k)):
        y, y_rest = divmod(row * down + i - before, up)
        z, z_rest = divmod(column * down + j - before, up)
        if y_rest == z_rest == 0 and 0 <= y < height and 0 <= z < width:
            out[:, :, row, column] += gain * taps[k - 1 - i] * taps[k - 1 - j] * x[:, :, y, z]
    return out


def bias_act_by_hand(
    x: Tensor,
    b: Tensor | None = None,
    scale: Tensor | None = None,
    noise: Tensor | None = None,
    slope: float = 0.2,
    gain: float = 2**0.5,
    clamp: float | None = None,
) -> Tensor:
    channels_last = x.movedim(1, -1)
    if scale is not None:
        channels_last = channels_last * scale[:, None, None]
    if noise is not None:
        channels_last = channels_last + noise.movedim(1, -1)
    y = channels_last + (0 if b is None else b)
    y = gain * (y.clamp(min=0) + slope * y.clamp(max=0))
    return (y if clamp is None else y.clamp(-clamp, clamp)).movedim(-1, 1)


@pytest.mark.parametrize("up", [1, 2, 3])
@pytest.mark.parametrize("down", [1, 2, 3])
@pytest.mark.parametrize("padding", [(0, 0), (2, 1), (1, 3), (-1, 2), (-1, -1)])
@pytest.mark.parametrize("taps", [TAPS, TAPS[:3], TAPS[:1]], ids=len)
def test_upfirdn2d_is_its_definition(
    ops: str, layout: torch.memory_format, up: int, down: int, padding: tuple[int, int], taps: Tensor
) -> None:
    x = random_normal(2, 3, 7, 6, layout=layout)
    found, expected = (f(x, taps, up, down, padding, 1.5) for f in (upfirdn2d, upfirdn2d_by_loops))
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= EXACT


def test_upsampling_is_a_transposed_convolution(ops: str) -> None:
    x = random_normal(2, 3, 5, 6)
    weight = torch.outer(TAPS.double(), TAPS.double()).expand(3, 1, 4, 4)
    expected = F.conv_transpose2d(x, weight, stride=2, groups=3)
    found = upfirdn2d(x, TAPS, up=2, padding=(3, 3))
    assert (found[:, :, :-1, :-1] - expected).abs().max() <= EXACT
    assert (found[:, :, -1].abs().max(), found[:, :, :, -1].abs().max()) == (0, 0)


@pytest.mark.parametrize("slope", [0.2, 1.0])
@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("left_out", [(), ("b",), ("scale",), ("noise",), ("b", "scale", "noise")])
def test_bias_act_is_its_definition(
    ops: str, layout: torch.memory_format, slope: float, clamp: float | None, left_out: tuple[str, ...]
) -> None:
    x = random_normal(2, 3, 5, 6, layout=layout)
    given = {name: term for name, term in bias_act_terms(5, 6).items() if name not in left_out}
    expected = bias_act_by_hand(x, **given, slope=slope, gain=1.5, clamp=clamp)
    found = bias_act(x, **given, slope=slope, gain=1.5, clamp=clamp)
    assert clamp is None or (expected.abs() == clamp).any()  # or the clamp would not be tested
    assert found.stride() == x.stride()
    assert (found - expected).abs().max() <= EXACT


def test_bias_act_of_vectors(ops: str) -> None:
    x, b = random_normal(4, 3), random_normal(3, seed=1)
    assert (bias_act(x, b) - bias_act_by_hand(x, b)).abs().max() <= EXACT
    assert bias_act(x[:0], b).shape == (0, 3)


def test_bias_act_takes_a_noise_per_sample(ops: str, layout: torch.memory_format) -> None:
    x, noise = random_normal(2, 3, 5, 6, layout=layout), random_normal(2, 1, 5, 6, seed=1)
    assert (bias_act(x, noise=noise) - bias_act_by_hand(x, noise=noise)).abs().max() <= EXACT


def test_bias_act_defaults_are_the_activation_of_stylegan2(ops: str) -> None:
    found = bias_act(torch.tensor([[-1.0, 2.0]]), torch.tensor([0.0, 1.0]))
    assert torch.allclose(found, torch.tensor([[-0.2, 3.0]]) * 2**0.5)


def test_bias_act_shows_what_is_not_a_number(ops: str, layout: torch.memory_format) -> None:
    x = torch.full((1, 3, 4, 4), torch.nan).to(memory_format=layout)
    assert bias_act(x, clamp=1.0).isnan().all()


@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("padding", [(1, 1), (2, 0), (3, 3)])
def test_blur_act_is_a_filter_and_an_activation(
    ops: str, layout: torch.memory_format, clamp: float | None, padding: tuple[int, int]
) -> None:
    x = random_normal(2, 3, 6, 7, layout=layout)
    blurred = upfirdn2d_by_loops(x, TAPS, padding=padding, gain=4)
    given = bias_act_terms(*blurred.shape[2:])
    expected = bias_act_by_hand(blurred, **given, clamp=clamp)
    found = blur_act(x, TAPS, **given, padding=padding, fir_gain=4, clamp=clamp)
    assert (found - expected).abs().max() <= EXACT


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("options", UPFIRDN2D, ids=str)
def test_upfirdn2d_derivatives(
    ops: str, layout: torch.memory_format, check: Callable[..., bool], options: dict[str, Any]
) -> None:
    x = random_normal(1, 2, 4, 5, layout=layout).requires_grad_()
    assert check(lambda x: upfirdn2d(x, TAPS, **options), (x,))


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("clamp", [None, 0.8])
@pytest.mark.parametrize("slope", [0.2, 1.0])
def test_bias_act_derivatives(
    ops: str, layout: torch.memory_format, check: Callable[..., bool], slope: float, clamp: float | None
) -> None:
    inputs = [random_normal(2, 3, 2, 3, layout=layout), *bias_act_terms(2, 3).values()]
    assert check(
        lambda *tensors: bias_act(*tensors, slope=slope, gain=1.5, clamp=clamp),
        tuple(tensor.requires_grad_() for tensor in inputs),
    )


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_bias_act_derivatives_of_a_few(ops: str, check: Callable[..., bool]) -> None:
    x, b = random_normal(4, 3).requires_grad_(), random_normal(3, seed=1).requires_grad_()
    assert check(bias_act, (x, b))
    assert check(lambda x: bias_act(x, scale=b.detach().expand(4, 3)), (x,))


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("clamp", [None, 0.8])
def test_blur_act_derivatives(
    ops: str, layout: torch.memory_format, check: Callable[..., bool], clamp: float | None
) -> None:
    inputs = [random_normal(2, 3, 3, 4, layout=layout), *bias_act_terms(2, 3).values()]
    assert check(
        lambda x, *rest: blur_act(x, TAPS, *rest, padding=(1, 1), fir_gain=4, clamp=clamp),
        tuple(tensor.requires_grad_() for tensor in inputs),
    )
