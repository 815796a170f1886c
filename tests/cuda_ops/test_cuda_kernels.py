"""The CUDA kernels without a GPU: the CPU runs them (`cuda_on_cpu/`), and definitions written here say what is right.

An access that is out of bounds or misaligned, and threads that wait for each other in vain, end a kernel with an error.
"""

from __future__ import annotations

import itertools
from dataclasses import astuple
from pathlib import Path

import pytest
import torch

from tests.helpers.cuda_inputs import FILTERS, LAYOUTS, picture
from tests.helpers.cuda_on_cpu import DTYPES, ILLEGAL_ADDRESS, CudaError, Kernels, Memory
from tests.helpers.cuda_on_cpu.definitions import Act, acts, assert_close, upfirdn2d

all_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype).removeprefix("torch."))
both_layouts = pytest.mark.parametrize("layout", LAYOUTS)


@pytest.fixture(scope="module")
def kernels(library: Path) -> Kernels:
    return Kernels(library)


# with and without whole vectors, one pixel wide, two-dimensional, more channels than a block takes
SHAPES = [(2, 3, 5, 7), (2, 8, 4, 4), (1, 33, 9, 16), (2, 16, 3, 5), (2, 3, 6, 1), (2, 5), (3, 16), (2, 2056)]


@all_dtypes
@both_layouts
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bias_act(kernels: Kernels, shape: tuple[int, ...], layout: str, dtype: torch.dtype) -> None:
    x = picture(shape, dtype, layout)
    for act in acts(*shape, dtype=dtype):
        assert_close(kernels.bias_act(x, *astuple(act)), act(x), act(x.double()))


@all_dtypes
@both_layouts
@pytest.mark.parametrize("shape", [*SHAPES, (1, 8, 60, 41), (1, 8, 60, 48), (2, 24, 30, 11)], ids=str)
def test_bias_act_backward(kernels: Kernels, shape: tuple[int, ...], layout: str, dtype: torch.dtype) -> None:
    x, grad = picture(shape, dtype, layout), picture(shape, dtype, layout, seed=4)
    for act in acts(*shape, dtype=dtype):
        found, plain = kernels.bias_act_backward(grad, x, *astuple(act)), act.backward(grad, x)
        for values in zip(found, plain, act.backward(grad.double(), x.double()), strict=True):
            assert_close(*values)


@all_dtypes
@both_layouts
def test_the_sums_of_a_large_picture_are_added_in_two_stages(kernels: Kernels, layout: str, dtype: torch.dtype) -> None:
    x, grad = picture((1, 3, 480, 400), dtype, layout), picture((1, 3, 480, 400), dtype, layout, seed=4)
    assert kernels.parts(x) > 32  # more than the second stage adds up side by side
    found, exact = kernels.bias_act_backward(grad, x, *astuple(Act())), Act().backward(grad.double(), x.double())
    for values in zip(found, Act().backward(grad, x), exact, strict=True):
        assert_close(*values)


# whole and broken vectors, one pixel wide, and beyond a tile and a strip
RESAMPLED = [(2, 3, 9, 7), (1, 16, 15, 6), (1, 33, 5, 4), (1, 8, 6, 1), (1, 3, 46, 90), (1, 8, 45, 67)]
PADDINGS = [(2, 1, 2, 1), (5, 3, 4, 6), (3, 4, 3, 4), (5, -1, -2, 6), (900, -890, 2, 1)]  # left, right, top, bottom


@all_dtypes
@both_layouts
@pytest.mark.parametrize("shape", RESAMPLED, ids=str)
@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2)])
def test_upfirdn2d(
    kernels: Kernels, up: int, down: int, shape: tuple[int, ...], layout: str, dtype: torch.dtype
) -> None:
    x = picture(shape, dtype, layout)
    for padding in PADDINGS:
        form = FILTERS[4], up, down, padding, 1.5
        assert_close(kernels.upfirdn2d(x, *form), upfirdn2d(x, *form), upfirdn2d(x.double(), *form))


@all_dtypes
@both_layouts
@pytest.mark.parametrize("taps", FILTERS)
@pytest.mark.parametrize(("up", "down"), [*itertools.product([1, 2, 3], repeat=2)])
def test_upfirdn2d_with_any_filter(
    kernels: Kernels, up: int, down: int, taps: int, layout: str, dtype: torch.dtype
) -> None:
    x = picture((2, 3, 9, 7), dtype, layout)
    for padding in PADDINGS:
        form = FILTERS[taps], up, down, padding, 1.5
        assert_close(kernels.upfirdn2d(x, *form), upfirdn2d(x, *form), upfirdn2d(x.double(), *form))


@all_dtypes
@both_layouts
@pytest.mark.parametrize("shape", RESAMPLED, ids=str)
def test_blur_act(kernels: Kernels, shape: tuple[int, ...], layout: str, dtype: torch.dtype) -> None:
    x = picture(shape, dtype, layout)
    for taps, padding in itertools.product(FILTERS.values(), [(2, 2, 1, 1), (4, 3, -1, 5)]):
        blurred, exact = (upfirdn2d(x, taps, 1, 1, padding, 1.5) for x in (x, x.double()))
        for act in acts(*exact.shape, dtype=dtype):
            assert_close(kernels.blur_act(x, taps, astuple(act), padding, 1.5), act(blurred), act(exact))


def test_long_strips(kernels: Kernels) -> None:
    """Channels last takes them where there are many; here each of many samples has its own."""
    x, form = picture((130, 1, 50, 3), torch.float32, "last"), (FILTERS[4], 1, 1, (2, 1, 2, 1), 1.0)
    assert_close(kernels.upfirdn2d(x, *form), upfirdn2d(x, *form), upfirdn2d(x.double(), *form))


@both_layouts
def test_threads_may_run_in_any_order(kernels: Kernels, layout: str) -> None:
    """Between two barriers none may read what another writes, or the bits of a result would be luck."""
    x, grad = picture((2, 6, 40, 30), torch.float32, layout), picture((2, 6, 40, 30), torch.float32, layout, seed=4)
    results = []
    for backwards in (False, True):
        kernels.library.run_backwards(backwards)
        results.append(
            [
                *kernels.bias_act_backward(grad, x, *astuple(Act())),
                kernels.upfirdn2d(x, FILTERS[4], 1, 1, PADDINGS[0], 1.0),
            ]
        )
    kernels.library.run_backwards(False)
    assert all(torch.equal(forwards, backwards) for forwards, backwards in zip(*results, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_rounded_as_torch_does(kernels: Kernels, dtype: torch.dtype) -> None:
    """Every number there is, multiplied by a third in float: the test of the stand-ins for CUDA's conversions."""
    x = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype).reshape(1, 64, 1024)
    third = torch.tensor(1 / 3, dtype=torch.float32).item()
    found = kernels.bias_act(x[..., None], *astuple(Act(slope=1.0, gain=third)))
    torch.testing.assert_close(found[..., 0], (x.float() * third).to(dtype), rtol=0, atol=0, equal_nan=True)


def test_infinities_are_clamped_and_nan_stays(kernels: Kernels) -> None:
    x = torch.tensor([[torch.inf, -torch.inf, torch.nan, 1.0]])
    found = kernels.bias_act(x, *astuple(Act(clamp=2.0)))
    assert found.tolist()[0] == pytest.approx([2.0, -2.0, torch.nan, 1.5], nan_ok=True)


def test_a_misaligned_tensor_is_read_value_by_value(kernels: Kernels) -> None:
    x = picture((1, 4, 4, 4), torch.float32, "planes")
    assert torch.equal(kernels.bias_act(x, *astuple(Act()), spare=1), kernels.bias_act(x, *astuple(Act())))


def test_reading_past_the_end_is_an_error(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    x = picture((1, 4, 4, 4), torch.float32, "planes")
    monkeypatch.setattr(Memory, "put", lambda memory, tensor, spare=0: memory.room(tensor, spare=-1))
    with pytest.raises(CudaError, match=str(ILLEGAL_ADDRESS)):
        kernels.bias_act(x, *astuple(Act()))
