"""The native operations against definitions written a second time, and their first and second derivatives."""

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import cuda_ops
from cuda_ops import bias_act, bias_act_reference, upfirdn2d, upfirdn2d_reference

TAPS = torch.tensor([0.1, 0.5, -0.3, 0.7], dtype=torch.float64)  # asymmetric, so a forgotten flip shows
EXACT = 1e-12  # float64 sums of 16 terms of order 1


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def upfirdn2d_by_loops(
    x: Tensor, taps: Tensor, up: int = 1, down: int = 1, padding: tuple[int, int] = (0, 0), gain: float = 1.0
) -> Tensor:
    """Every output pixel as a sum over the pixels of `x` that its filter window meets."""
    n, c, height, width = x.shape
    k, before = len(taps), padding[0]
    rows = (height * up + sum(padding) - k) // down + 1
    columns = (width * up + sum(padding) - k) // down + 1
    out = torch.zeros(n, c, rows, columns, dtype=x.dtype)
    for row, column, i, j in itertools.product(range(rows), range(columns), range(k), range(k)):
        y, y_rest = divmod(row * down + i - before, up)
        z, z_rest = divmod(column * down + j - before, up)
        if y_rest == z_rest == 0 and 0 <= y < height and 0 <= z < width:
            out[:, :, row, column] += gain * taps[k - 1 - i] * taps[k - 1 - j] * x[:, :, y, z]
    return out


@pytest.mark.parametrize("op", [upfirdn2d, upfirdn2d_reference])
@pytest.mark.parametrize("up", [1, 2, 3])
@pytest.mark.parametrize("down", [1, 2, 3])
@pytest.mark.parametrize("padding", [(0, 0), (2, 1), (1, 3), (-1, 2), (-1, -1)])
def test_upfirdn2d_is_its_definition(op: Callable[..., Tensor], up: int, down: int, padding: tuple[int, int]) -> None:
    x = normal(2, 3, 7, 6)
    found, expected = (f(x, TAPS, up, down, padding, 1.5) for f in (op, upfirdn2d_by_loops))
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= EXACT


def test_upsampling_is_a_transposed_convolution() -> None:
    x = normal(2, 3, 5, 6)
    weight = torch.outer(TAPS, TAPS).expand(3, 1, 4, 4)
    expected = F.conv_transpose2d(x, weight, stride=2, groups=3)
    found = upfirdn2d(x, TAPS, up=2, padding=(3, 3))
    assert (found[:, :, :-1, :-1] - expected).abs().max() <= EXACT
    assert (found[:, :, -1].abs().max(), found[:, :, :, -1].abs().max()) == (0, 0)


@pytest.mark.parametrize(
    "options",
    [{"up": 2, "padding": (2, 1), "gain": 4.0}, {"down": 2, "padding": (1, 1)}, {"padding": (-1, 2)}],
    ids=["up", "down", "crop"],
)
@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_upfirdn2d_derivatives(check: Callable[..., bool], options: dict[str, object]) -> None:
    x = normal(1, 2, 4, 5).requires_grad_()
    assert check(lambda x: upfirdn2d(x, TAPS, **options), (x,))


@pytest.mark.parametrize("op", [bias_act, bias_act_reference])
@pytest.mark.parametrize("slope", [0.2, 1.0])
@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5, 6)])
def test_bias_act_is_its_definition(
    op: Callable[..., Tensor], slope: float, clamp: float | None, shape: tuple[int, ...]
) -> None:
    x, b, gain = normal(*shape), normal(3, seed=1), 1.5
    y = (x.movedim(1, -1) + b).movedim(-1, 1)
    expected = gain * (y.clamp(min=0) + slope * y.clamp(max=0))
    if clamp is not None:
        assert expected.abs().max() > clamp  # or the clamp would not be tested
        expected = expected.clamp(-clamp, clamp)
    assert (op(x, b, slope, gain, clamp) - expected).abs().max() <= EXACT


def test_bias_act_defaults_are_the_activation_of_stylegan2() -> None:
    found = bias_act(torch.tensor([[-1.0, 2.0]]), torch.tensor([0.0, 1.0]))
    assert torch.allclose(found, torch.tensor([[-0.2, 3.0]]) * 2**0.5)


@pytest.mark.parametrize("slope", [0.2, 1.0])
@pytest.mark.parametrize("clamp", [None, 0.8])
@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_bias_act_derivatives(check: Callable[..., bool], slope: float, clamp: float | None) -> None:
    x, b = normal(2, 3, 2, 2).requires_grad_(), normal(3, seed=1).requires_grad_()
    assert check(lambda x, b: bias_act(x, b, slope, 1.5, clamp), (x, b))


def test_the_backend_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "reference")
    assert cuda_ops.backend() == "reference"
    monkeypatch.setenv("STYLECLIP_OPS", "fast")
    with pytest.raises(ValueError, match="STYLECLIP_OPS=fast is not one of auto, native, reference"):
        cuda_ops.backend()
