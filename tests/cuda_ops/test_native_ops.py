"""The native ops against plain torch: rounding, the rules of torch.library, errors, and the choice of a backend."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import cuda_ops
from cuda_ops import bias_act, upfirdn2d
from tests.helpers.native_ops import layout, needs_native
from tests.helpers.ops import LOW_PRECISIONS, TAPS, bias_act_terms, output_and_gradients, random_normal

__all__ = ["layout"]  # a fixture


@pytest.mark.parametrize("dtype", LOW_PRECISIONS)
@pytest.mark.parametrize("name", ["bias_act", "upfirdn2d", "blur_act"])
def test_native_rounds_no_worse_than_twice_plain_torch(
    layout: torch.memory_format, dtype: torch.dtype, name: str
) -> None:
    """As plain torch at this precision; the gradients too, which are sums over 2,500 pixels."""
    needs_native()
    x = random_normal(2, 3, 51, 50, layout=layout)
    given = [*bias_act_terms(50, 49).values()] if name == "blur_act" else [*bias_act_terms(51, 50).values()]
    inputs = {"bias_act": [x, *given], "upfirdn2d": [x], "blur_act": [x, *given]}[name]
    inputs = [tensor.to(dtype) for tensor in inputs]
    call: dict[str, Callable[..., Any]] = {
        "bias_act": lambda op: op,
        "upfirdn2d": lambda op: lambda x: op(x, TAPS, 2, 1, (2, 1), 4.0),
        "blur_act": lambda op: lambda x, *rest: op(x, TAPS, *rest, padding=(1, 1), fir_gain=4.0),
    }
    twin = call[name](getattr(cuda_ops, f"{name}_reference"))
    exact = output_and_gradients(twin, [tensor.double() for tensor in inputs])
    native = output_and_gradients(call[name](getattr(cuda_ops, name)), inputs)
    plain = output_and_gradients(twin, inputs)
    for ours, theirs, right in zip(native, plain, exact, strict=True):
        limit = 2 * (theirs - right).abs().max() + torch.finfo(dtype).eps * right.abs().max() / 8
        assert (ours - right).abs().max() <= limit


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the checker's own tools
def test_the_ops_keep_the_rules_of_torch(layout: torch.memory_format) -> None:
    """Schema, autograd registration, shapes without data, and the same result when compiled."""
    needs_native()
    native = torch.ops.cuda_ops
    x, (b, scale, noise) = random_normal(2, 3, 4, 5, layout=layout), bias_act_terms(4, 5).values()
    form = (0.2, 1.5, 0.9)
    smaller = random_normal(1, 1, 3, 4).requires_grad_()
    for tensor in (x, b, scale, noise):
        tensor.requires_grad_()
    grad = random_normal(2, 3, 4, 5, seed=4, layout=layout).requires_grad_()
    torch.library.opcheck(native.bias_act.default, (x, b, scale, noise, *form))
    torch.library.opcheck(native.bias_act_backward.default, (grad, x, b, scale, noise, *form))
    torch.library.opcheck(native.upfirdn2d.default, (x, TAPS, 2, 1, [2, 1, 2, 1], 4.0))
    torch.library.opcheck(native.blur_act.default, (x, TAPS, b, scale, smaller, [1, 1, 1, 1], 4.0, *form))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"b": torch.zeros(4)}, r"b needs the shape \[3\]"),
        ({"scale": torch.zeros(1, 3)}, r"scale needs the shape \[2, 3\]"),
        ({"noise": torch.zeros(1, 1, 5, 4)}, r"noise needs the shape \[N or 1, 1, H, W\]"),
        ({"b": torch.zeros(3, dtype=torch.float64)}, "the dtype and the device of x"),
    ],
)
def test_native_says_what_does_not_fit(wrong: dict[str, Tensor], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    needs_native()
    with pytest.raises(RuntimeError, match=message):
        bias_act(torch.zeros(2, 3, 4, 5), **wrong)


def test_native_refuses_a_filter_larger_than_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    needs_native()
    with pytest.raises(RuntimeError, match="a filter of 4 taps is larger than the padded picture"):
        upfirdn2d(torch.zeros(1, 1, 2, 2), TAPS)


def test_the_backend_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "reference")
    assert cuda_ops.backend() == "reference"
    monkeypatch.setenv("STYLECLIP_OPS", "fast")
    with pytest.raises(ValueError, match="STYLECLIP_OPS=fast is not one of auto, native, reference"):
        cuda_ops.backend()
