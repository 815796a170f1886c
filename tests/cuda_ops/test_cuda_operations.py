"""The operations of the CUDA sources without a GPU: strides of their inputs, and errors for bad arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cuda_ops import filtered_lrelu_reference
from tests.helpers.cuda_inputs import FILTERS
from tests.helpers.cuda_on_cpu import NAMESPACE, build_operations
from tests.helpers.cuda_on_cpu.definitions import acts, normal, upfirdn2d


@pytest.fixture(scope="module")
def operations(compiler: str, library: Path) -> Any:
    torch.ops.load_library(build_operations(compiler, library))
    return getattr(torch.ops, NAMESPACE)


# The bindings, between tensors of the CPU and kernels that it runs.
LOOKS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(2, 3),
    "expanded": lambda x: x[:1].expand(2, -1, -1, -1),
    "sliced": lambda x: x[:, :, ::2, ::2],
    "misaligned": lambda x: x.flatten()[3 : 3 + 2 * 3 * 5 * 4].view(2, 3, 5, 4),
    "one channel": lambda x: x[:, :1],
    "one pixel": lambda x: x[:, :, :1, :1],
    "empty": lambda x: x[:0],
    "two-dimensional": lambda x: x[:, :, 0, 0],
    "three-dimensional": lambda x: x.flatten(2),
}


@pytest.mark.parametrize("look", LOOKS)
def test_operations_take_any_strides(operations: Any, look: str) -> None:
    x, grad = (LOOKS[look](normal(2, 8, 6, 6, dtype=torch.float32, seed=seed)) for seed in (0, 5))
    act = next(acts(*x.shape, dtype=torch.float32))
    torch.testing.assert_close(operations.bias_act(x, *astuple(act)), act(x))
    found, expected = operations.bias_act_backward(grad, x, *astuple(act)), act.backward(grad, x)
    torch.testing.assert_close(found, expected)
    if x.ndim == 4:
        form = FILTERS[4], 2, 1, [3, 2, 4, 1], 1.5
        torch.testing.assert_close(operations.upfirdn2d(x, *form), upfirdn2d(x, *form))
        blurred = upfirdn2d(x, FILTERS[5], 1, 1, (3, 2, 4, 1), 1.5)
        act = next(acts(*blurred.shape, dtype=torch.float32))
        b, scale, noise, *form = astuple(act)
        found = operations.blur_act(x, FILTERS[5], b, scale, noise, [3, 2, 4, 1], 1.5, *form)
        torch.testing.assert_close(found, act(blurred))
        assert found.is_contiguous(
            memory_format=torch.channels_last if look == "channels last" else torch.contiguous_format
        )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"b": torch.zeros(3, dtype=torch.float64)}, r"b needs the shape \[3\], the dtype and the device of x"),
        ({"scale": torch.zeros(3, 2)}, r"scale needs the shape \[2, 3\]"),
        ({"noise": torch.zeros(4, 5)}, r"noise needs the shape \[N or 1, 1, H, W\]"),
        ({"x": torch.zeros(3)}, r"x needs the shape \[N, C, ...\], not \[3\]"),
        ({"x": torch.zeros(2, 3).int()}, "x needs to be float32, float64, float16 or bfloat16, not Int"),
    ],
)
def test_bad_arguments_of_bias_act(operations: Any, arguments: dict[str, Tensor], sentence: str) -> None:
    x, *terms = (arguments.get(name) for name in ("x", "b", "scale", "noise"))
    with pytest.raises(RuntimeError, match=sentence):
        operations.bias_act(torch.zeros(2, 3, 4, 5) if x is None else x, *terms, 0.2, 1.0, None)


@pytest.mark.parametrize(
    ("taps", "up", "padding", "sentence"),
    [
        (torch.ones(4, 4), 1, [0, 0, 0, 0], r"taps needs the shape \[K\]"),
        (torch.ones(4), 0, [0, 0, 0, 0], "up and down need to be 1 or more, not 0 and 1"),
        (torch.ones(4), 1, [0, -2, 0, 0], "a filter of 4 taps is larger than the padded picture"),
        (torch.ones(4), 1, [2**40, -(2**40), 0, 0], r"padding needs to stay below 2\^30"),
        (torch.ones(4), 1, [0, 0], r"padding needs to be left, right, top and bottom, not \[0, 0\]"),
    ],
)
def test_bad_arguments_of_upfirdn2d(operations: Any, taps: Tensor, up: int, padding: list[int], sentence: str) -> None:
    with pytest.raises(RuntimeError, match=sentence):
        operations.upfirdn2d(torch.zeros(2, 3, 4, 5), taps, up, 1, padding, 1.0)


TAPS = FILTERS[5]
SQUARE = torch.outer(TAPS, TAPS) + torch.eye(5) / 5
RESAMPLINGS: dict[str, dict[str, Any]] = {
    "config T": {"up_filter": FILTERS[4], "down_filter": TAPS, "up": 2, "down": 2, "padding": (5, 4)},
    "config R": {"up_filter": FILTERS[4], "down_filter": SQUARE, "up": 4, "down": 2, "padding": (-2, -3)},
    "odd": {"up_filter": TAPS, "down_filter": FILTERS[4], "up": 3, "down": 3, "padding": (2, 9)},
    "no filter": {"up_filter": None, "down_filter": None, "up": 1, "down": 1, "padding": (0, 0)},
}


@pytest.mark.parametrize("look", ["contiguous", "channels last", "transposed", "one channel", "empty"])
@pytest.mark.parametrize("name", RESAMPLINGS)
def test_filtered_lrelu(operations: Any, name: str, look: str) -> None:
    """More rows and columns than a tile, more channels than a block where they are last."""
    x = LOOKS[look](normal(2, 9, 21, 20, dtype=torch.float32))
    b, scale = (normal(*shape, dtype=torch.float32, seed=1) for shape in (x.shape[1:2], x.shape[:2]))
    resampling = RESAMPLINGS[name]
    form = (*resampling.values(), 1.5, 0.1, 1.0)
    expected = filtered_lrelu_reference(x, b, scale, *form)
    torch.testing.assert_close(operations.filtered_lrelu(x, b, scale, *form), expected)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", RESAMPLINGS)
def test_the_gradient_of_filtered_lrelu(operations: Any, name: str, layout: torch.memory_format) -> None:
    """To v = x * scale + b, through the transposes of both resamplings."""
    x, how = normal(2, 9, 21, 20, dtype=torch.float64).to(memory_format=layout), RESAMPLINGS[name]
    b, scale = normal(9, dtype=torch.float64, seed=1), normal(2, 9, dtype=torch.float64, seed=2)
    v = (x * scale[:, :, None, None] + b[:, None, None]).requires_grad_()
    y = filtered_lrelu_reference(v, None, None, **how, gain=1.5, slope=0.1, clamp=1.0)
    grad = normal(*y.shape, dtype=torch.float64, seed=3).to(memory_format=layout)
    (expected,) = torch.autograd.grad(y, v, grad)
    up_filter, down_filter = (how[each] for each in ("up_filter", "down_filter"))
    flipped_up, flipped_down = (
        taps if taps is None else taps.flip([*range(taps.ndim)]) for taps in (up_filter, down_filter)
    )
    up_count, down_count = (1 if taps is None else len(taps) for taps in (up_filter, down_filter))
    act = (up_filter, how["up"], how["padding"], 1.5, 0.1, 1.0)
    out = (flipped_up, how["up"], up_count - 1 - how["padding"][0], x.shape[2:])
    found = operations.filtered_lrelu_gate(grad, flipped_down, how["down"], down_count - 1, x, b, scale, *act, *out)
    torch.testing.assert_close(found, expected)


def test_filters_too_large_for_a_block_are_an_error(operations: Any) -> None:
    with pytest.raises(RuntimeError):
        operations.filtered_lrelu(
            torch.zeros(1, 1, 300, 300), None, None, None, torch.ones(200), 1, 1, (0, 0), 1.0, 0.1, None
        )
