"""`python -m benchmarks ops`: the native operations against their plain-torch twins and against a copy.

On the tensors that config-f gives them at 64, 256 and 1024 px. An operation that only moves memory cannot be faster
than the copy of as many bytes: each input read once and each output written once, in which scales, biases and noise do
not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from benchmarks.timing import Timer, in_turn, repeated
from benchmarks.tools import WIDTHS, Report, Setting, bench, repeats_option, table, under
from cuda_ops import bias_act, blur_act, upfirdn2d
from styleclip.networks.layers import fir_taps

SIDES = (64, 256, 1024)  # px
LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
ON_GPU = 2**26  # elements of a tensor there: so many pictures at once that launches take no time and caches are small
TWO_PASSES = "upfirdn2d, then bias_act"  # what blur_act does in one


@dataclass(frozen=True)
class Operation:
    """What is done to a tensor [N, channels, side, side]; `scale` is what has a gradient beside it, where there is one.

    The gradient of a scale, and of an activation, needs the tensor again.
    """

    channels: int
    side: int
    run: Callable[[Tensor], Tensor]
    scale: tuple[Tensor, ...] = ()


def operations(side: int, batch: int, like: Tensor) -> dict[str, Operation]:
    """By name, on random terms of the device and precision of `like`; blurs take what transposed convolutions make."""
    channels, taps = WIDTHS[side], fir_taps().to(like.device)
    noise, bias, scale = (torch.randn(shape).to(like) for shape in ((1, 1, side, side), (channels,), (batch, channels)))
    act: dict[str, Any] = {"b": bias, "scale": scale.requires_grad_(True), "noise": noise}
    blur: dict[str, Any] = {"padding": (1, 1), "gain": 4.0}
    return {
        "bias_act": Operation(channels, side, lambda x: bias_act(x, **act), (scale,)),
        "upfirdn2d": Operation(channels, side + 1, lambda x: upfirdn2d(x, taps, **blur)),
        "upfirdn2d, up 2": Operation(3, side // 2, lambda x: upfirdn2d(x, taps, 2, padding=(2, 1), gain=4.0)),
        "blur_act": Operation(
            channels, side + 1, lambda x: blur_act(x, taps, **act, padding=(1, 1), fir_gain=4.0), (scale,)
        ),
        TWO_PASSES: Operation(channels, side + 1, lambda x: bias_act(upfirdn2d(x, taps, **blur), **act), (scale,)),
    }


@bench
@repeats_option(7, quick=3)
def ops(setting: Setting, repeats: int) -> Report:
    """Time the operations forward and backward against their plain-torch twins, and against a copy.

    In float32 and bfloat16, unless --dtype says which. With --quick or small networks at 64 px only.
    """
    sides = SIDES[:1] if setting.quick or setting.networks == "small" else SIDES
    results = [row for side in sides for case in cases(setting, side) for row in case.rows(setting, repeats)]
    return Report(results, markdown(results))


def cases(setting: Setting, side: int) -> Iterator[Case]:
    for dtype, layout in product(setting.dtypes, LAYOUTS):
        like = torch.zeros((), dtype=dtype, device=setting.device)
        batch = max(1, ON_GPU // (WIDTHS[side] * side**2)) if setting.device.type == "cuda" else 1
        for name, operation in operations(side, batch, like).items():
            x = torch.randn(batch, operation.channels, operation.side, operation.side, device=like.device).to(like)
            yield Case(name, side, layout, operation, x.to(memory_format=LAYOUTS[layout]))


@dataclass(frozen=True)
class Case:
    """One operation of a generator's layer of `resolution` px on one tensor."""

    name: str
    resolution: int
    layout: str
    operation: Operation
    x: Tensor

    def rows(self, setting: Setting, repeats: int) -> list[dict[str, Any]]:
        """Forward and backward: seconds of the kernel, of its twin and of a copy of x, measured in turn."""
        device, moved = setting.device, self.moved()
        timers: dict[tuple[str, str], Timer] = {("copy", ""): repeated(self.x.clone, device)}
        for which in setting.kernels:
            for name, work in under(which, self.works)().items():
                timers[name, which] = repeated(under(which, work), device)
        seconds = {key: sorted(taken)[len(taken) // 2] for key, taken in in_turn(timers, repeats).items()}
        copy = seconds["copy", ""]
        bandwidth = 2 * self.x.nbytes / copy
        return [
            {
                "op": self.name,
                "resolution": self.resolution,
                "layout": self.layout,
                "dtype": str(self.x.dtype).removeprefix("torch."),
                "shape": [*self.x.shape],
                "pass": name,
                "copy": copy,
                "twin": seconds[name, "reference"],
                "native": (native := seconds.get((name, "native"))),
                "times_as_fast": native and seconds[name, "reference"] / native,
                "of_copy": native and moved[name] / native / bandwidth,
            }
            for name in moved
        ]

    def works(self) -> dict[str, Callable[[], Any]]:
        """The backward alone goes through a graph that is kept."""
        x = self.x.detach().requires_grad_(True)
        y = self.operation.run(x)
        grad, inputs = torch.randn_like(y), (x, *self.operation.scale)

        def forward() -> None:
            with torch.no_grad():
                self.operation.run(self.x)

        return {"forward": forward, "backward": lambda: torch.autograd.grad(y, inputs, grad, retain_graph=True)}

    def moved(self) -> dict[str, int]:
        """Bytes that must be read and written."""
        with torch.no_grad():
            both = self.x.nbytes + self.operation.run(self.x).nbytes
        return {"forward": both, "backward": both + (self.x.nbytes if self.operation.scale else 0)}


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A row for every tensor, its two passes side by side, and what blur_act saves."""
    columns = ["operation", "px", "layout", "dtype", "a copy, ms"]
    for name in ("forward", "backward"):
        columns += [f"{name}, ms", "times as fast", "% of a copy"]
    lines = [[*about(row), ms(row["copy"]), *speed(row), *speed(back)] for row, back in pairs(results)]
    return f"{table(columns, lines)}\n\n{one_pass(results)}"


def pairs(results: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Forward and backward of every case."""
    return list(zip(results[::2], results[1::2], strict=True))


def about(row: dict[str, Any]) -> list[str]:
    return [row["op"], str(row["resolution"]), row["layout"], row["dtype"]]


def speed(row: dict[str, Any]) -> list[str]:
    """Where there are no kernels, the time of the twin."""
    if row["native"] is None:
        return [ms(row["twin"]), "1.00", ""]
    return [ms(row["native"]), f"{row['times_as_fast']:.2f}", f"{100 * row['of_copy']:.0f}"]


def one_pass(results: Sequence[dict[str, Any]]) -> str:
    """blur_act against the two operations that it is."""
    found = {tuple(about(forward)): (forward, backward) for forward, backward in pairs(results)}
    lines = []
    for (name, *where), passes in found.items():
        if name == "blur_act":
            apart = found[(TWO_PASSES, *where)]
            ratios = [taken(two) / taken(one) for one, two in zip(passes, apart, strict=True)]
            lines.append([name, *where, *(f"{ratio:.2f}" for ratio in ratios)])
    times = f"times as fast as {TWO_PASSES}"
    return table(["operation", "px", "layout", "dtype", f"forward, {times}", f"backward, {times}"], lines)


def taken(row: dict[str, Any]) -> float:
    return row["native"] or row["twin"]


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g}"
