"""`python -m benchmarks ops`: the native operations against their plain-torch twins and against a copy.

On tensors of the shapes that config-f has at 64, 256 and 1024 px, and StyleGAN3 at 256 and 1024. The bound of a
memory-bound operation is a copy of as many bytes: each input read once and each output written once, without scales,
biases and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks.configurations import CHANNELS, stylegan3_config
from benchmarks.timing import Timer, make_repeating_timer, time_in_turns
from benchmarks.tools import Report, Setup, bench_command, markdown_table, repeats_option, with_ops
from cuda_ops import bias_act, blur_act, filtered_lrelu, upfirdn2d
from styleclip.networks.layers import fir_taps
from styleclip.networks.stylegan3_layers import down_filter, up_filter

SIDES = (64, 256, 1024)  # px
LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
GPU_ELEMENTS = 2**26  # elements of a tensor on a GPU: enough to hide launch overhead and to exceed the caches
FILTERED_LAYERS = {256: 8, 1024: 11}  # of StyleGAN3 at 1024 px, by sampling rate
TWO_PASSES = "upfirdn2d, then bias_act"  # what blur_act does in one


@dataclass(frozen=True)
class Operation:
    """A function of a tensor [N, channels, side, side]; `scale` is a further input with a gradient.

    The backward pass of an operation with a scale reads the tensor again.
    """

    channels: int
    side: int
    run: Callable[[Tensor], Tensor]
    scale: tuple[Tensor, ...] = ()


def operations(side: int, batch: int, like: Tensor) -> dict[str, Operation]:
    """Operations by name, with random terms like `like`. Blurs take the output shape of a transposed convolution."""
    channels, taps = CHANNELS[side], fir_taps().to(like.device)
    noise, bias, scale = (torch.randn(shape).to(like) for shape in ((1, 1, side, side), (channels,), (batch, channels)))
    act: dict[str, Any] = {"b": bias, "scale": scale.requires_grad_(True), "noise": noise}
    blur: dict[str, Any] = {"padding": (1, 1), "gain": 4.0}
    return {
        **filtered_operations(side, batch, like),
        "bias_act": Operation(channels, side, lambda x: bias_act(x, **act), (scale,)),
        "upfirdn2d": Operation(channels, side + 1, lambda x: upfirdn2d(x, taps, **blur)),
        "upfirdn2d, up 2": Operation(3, side // 2, lambda x: upfirdn2d(x, taps, 2, padding=(2, 1), gain=4.0)),
        "blur_act": Operation(
            channels, side + 1, lambda x: blur_act(x, taps, **act, padding=(1, 1), fir_gain=4.0), (scale,)
        ),
        TWO_PASSES: Operation(channels, side + 1, lambda x: bias_act(upfirdn2d(x, taps, **blur), **act), (scale,)),
    }


def filtered_operations(side: int, batch: int, like: Tensor) -> dict[str, Operation]:
    """filtered_lrelu of a layer of StyleGAN3 at 1024 px that keeps its sampling rate `side`, in both configurations."""
    if side not in FILTERED_LAYERS:
        return {}
    return {
        "filtered_lrelu, config T": filtered_operation(FILTERED_LAYERS[side], False, batch, like),
        "filtered_lrelu, config R": filtered_operation(FILTERED_LAYERS[side], True, batch, like),
    }


def filtered_operation(layer: int, radial: bool, batch: int, like: Tensor) -> Operation:
    shape = stylegan3_config(1024, radial).layers()[layer]
    bias, scale = (torch.randn(size).to(like) for size in ((shape.out_channels,), (batch, shape.out_channels)))
    filters = [
        taps if taps is None else taps.to(like.device) for taps in (up_filter(shape), down_filter(shape, radial))
    ]
    form: tuple[Any, ...] = (*filters, shape.up, shape.down, shape.padding)
    scale.requires_grad_(True)
    side = shape.source.size + shape.kernel - 1
    return Operation(shape.out_channels, side, lambda x: filtered_lrelu(x, bias, scale, *form, clamp=256.0), (scale,))


@bench_command
@repeats_option(7, quick=3)
@click.option("--only", default="", help="Operations whose name has this part.")
@click.option("--side", "sides", type=click.Choice([*map(str, SIDES)]), multiple=True, help="[default: all]")
def ops(setup: Setup, repeats: int, only: str, sides: Sequence[str]) -> Report:
    """Time the operations forward and backward against their plain-torch twins, and against a copy.

    In float32 and bfloat16 unless --dtype is given; with --quick or small networks only at 64 px.
    """
    few = setup.quick or setup.networks == "small"
    chosen = [int(side) for side in sides] or (SIDES[:1] if few else SIDES)
    every = (case for side in chosen for case in cases(setup, side))
    results = [row for case in every if only in case.name for row in case.rows(setup, repeats)]
    return Report(results, markdown(results))


def cases(setup: Setup, side: int) -> Iterator[Case]:
    """Every operation at this side, in each precision and memory format."""
    for dtype, layout in product(setup.dtypes, LAYOUTS):
        like = torch.zeros((), dtype=dtype, device=setup.device)
        batch = max(1, GPU_ELEMENTS // (CHANNELS[side] * side**2)) if setup.device.type == "cuda" else 1
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

    def rows(self, setup: Setup, repeats: int) -> list[dict[str, Any]]:
        """Rows for forward and backward: seconds of the kernel, of its twin and of a copy of x, timed in turn."""
        device, bytes_moved = setup.device, self.bytes_moved()
        timers: dict[tuple[str, str], Timer] = {("copy", ""): make_repeating_timer(self.x.clone, device)}
        for which in setup.kernels:
            for name, work in with_ops(which, self.works)().items():
                timers[name, which] = make_repeating_timer(with_ops(which, work), device)
        seconds = {key: sorted(taken)[len(taken) // 2] for key, taken in time_in_turns(timers, repeats).items()}
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
                "of_copy": native and bytes_moved[name] / native / bandwidth,
            }
            for name in bytes_moved
        ]

    def works(self) -> dict[str, Callable[[], Any]]:
        """Forward without a graph, and backward through a graph that is retained."""
        x = self.x.detach().requires_grad_(True)
        y = self.operation.run(x)
        grad, inputs = torch.randn_like(y), (x, *self.operation.scale)

        def forward() -> None:
            with torch.no_grad():
                self.operation.run(self.x)

        return {"forward": forward, "backward": lambda: torch.autograd.grad(y, inputs, grad, retain_graph=True)}

    def bytes_moved(self) -> dict[str, int]:
        """Bytes that each pass must read and write."""
        with torch.no_grad():
            both = self.x.nbytes + self.operation.run(self.x).nbytes
        return {"forward": both, "backward": both + (self.x.nbytes if self.operation.scale else 0)}


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A row for every tensor with both passes, and the table of blur_act against two operations."""
    columns = ["operation", "px", "layout", "dtype", "a copy, ms"]
    for name in ("forward", "backward"):
        columns += [f"{name}, ms", "times as fast", "% of a copy"]
    lines = [
        [*key_cells(row), milliseconds(row["copy"]), *speed_cells(row), *speed_cells(back)]
        for row, back in pass_pairs(results)
    ]
    tables = [markdown_table(columns, lines), one_pass_table(results)]
    return "\n\n".join(filter(None, tables))


def pass_pairs(results: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Forward and backward of every case."""
    return list(zip(results[::2], results[1::2], strict=True))


def key_cells(row: dict[str, Any]) -> list[str]:
    return [row["op"], str(row["resolution"]), row["layout"], row["dtype"]]


def speed_cells(row: dict[str, Any]) -> list[str]:
    """Milliseconds, speed-up and share of the copy's bandwidth; the twin's time where there are no kernels."""
    if row["native"] is None:
        return [milliseconds(row["twin"]), "1.00", ""]
    return [milliseconds(row["native"]), f"{row['times_as_fast']:.2f}", f"{100 * row['of_copy']:.0f}"]


def one_pass_table(results: Sequence[dict[str, Any]]) -> str:
    """The table of blur_act against the two operations that it fuses."""
    found = {tuple(key_cells(forward)): (forward, backward) for forward, backward in pass_pairs(results)}
    lines = []
    for (name, *where), passes in found.items():
        if name == "blur_act" and (TWO_PASSES, *where) in found:
            apart = found[(TWO_PASSES, *where)]
            ratios = [row_seconds(two) / row_seconds(one) for one, two in zip(passes, apart, strict=True)]
            lines.append([name, *where, *(f"{ratio:.2f}" for ratio in ratios)])
    if not lines:
        return ""
    times = f"times as fast as {TWO_PASSES}"
    return markdown_table(["operation", "px", "layout", "dtype", f"forward, {times}", f"backward, {times}"], lines)


def row_seconds(row: dict[str, Any]) -> float:
    return row["native"] or row["twin"]


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}"
