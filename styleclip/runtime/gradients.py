"""Functions that need gradients and float32, whatever mode and default precision of torch their caller is in."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@contextmanager
def float32_default() -> Iterator[None]:
    """Torch's default precision is float32 within, and afterwards that of the caller; also a decorator.

    Published weights are float32, and random numbers of another precision are other numbers.
    """
    before = torch.get_default_dtype()
    if before == torch.float32:  # sets nothing, since the default is one for all threads
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def with_gradients(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A decorator: the function runs outside of its caller's `torch.no_grad` and `torch.inference_mode`, in float32.

    Tensors, and latents and other values that hold some, which were made in inference mode, are copied for it, because
    autograd cannot save them. The results are ordinary tensors.

    Example:
        @with_gradients
        def slope(x: Tensor) -> Tensor: ...

        with torch.inference_mode():
            slope(torch.zeros(3))
    """
    recorded = torch.inference_mode(False)(torch.enable_grad()(function))

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        with torch.inference_mode(False):
            args = tuple(_ordinary(value) for value in args)
            options = {name: _ordinary(value) for name, value in options.items()}
        with float32_default():
            return recorded(*args, **options)

    return call


def _ordinary(value: Any) -> Any:
    """The value without tensors of inference mode, of which there are copies then."""
    if isinstance(value, Tensor):
        return value.clone() if value.is_inference() else value
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    tensors = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    changes = {name: item.clone() for name, item in tensors.items() if isinstance(item, Tensor) and item.is_inference()}
    return dataclasses.replace(value, **changes) if changes else value
