"""`python -m benchmarks strokes`: the rasteriser of strokes against one without bounding boxes.

Measured is a picture with its gradient by points, widths and colours: the least time on the clock and on the CPU, of
which the second tells more on a busy machine. The dense rasteriser measures the distance of every pixel to every chord.
Strokes are random, about 70 px long on a canvas of 224 px and 1.5 px wide.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.timing import make_timer, time_in_turns
from benchmarks.tools import Report, Setup, bench_command, markdown_table, repeats_option
from styleclip.canvases.strokes.cubics import bernstein, combine, split_cubics
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes

SIDE, COUNTS = 224, (16, 64, 256)
CHORDS = 24  # of a stroke in the dense rasteriser
WIDTH = 1.5  # px


@dataclass
class Drawing:
    """The work that is timed: a picture of strokes and its gradients. `cpu` are the CPU seconds of every run."""

    strokes: Strokes
    side: int
    rasteriser: Callable[..., Tensor] = rasterise
    cpu: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        began = time.process_time()
        self.rasteriser(self.strokes, (self.side, self.side)).square().mean().backward()
        self.cpu.append(time.process_time() - began)


@bench_command
@repeats_option(9, quick=2)
def strokes(setup: Setup, repeats: int) -> Report:
    """Time strokes, forward and backward, against the distances of all pixels to all chords."""
    side, counts = (48, (4, 16)) if setup.quick else (SIDE, COUNTS)
    works = {("boxes", count): Drawing(random_strokes(count, side, setup.device), side) for count in counts}
    few = counts[0]  # more take gigabytes
    works["dense", few] = Drawing(random_strokes(few, side, setup.device), side, rasterise_densely)
    seconds = time_in_turns({key: make_timer(work, setup.device) for key, work in works.items()}, repeats)
    least = {key: min(taken) for key, taken in seconds.items()}
    results = [
        {
            "what": what,
            "strokes": count,
            "px": side,
            "ms": 1000 * least[what, count],
            "cpu_ms": 1000 * min(work.cpu),
            "ratio": least[what, count] / least["dense", few] if count == few else None,
        }
        for (what, count), work in works.items()
    ]
    columns = [f"{side} px, forward and backward", "ms", "CPU ms", "to dense"]
    return Report(results, markdown_table(columns, [_cells(row) for row in results]))


def _cells(row: dict[str, Any]) -> list[str]:
    ratio = f"{row['ratio']:.3f}" if row["ratio"] else ""
    return [f"{row['what']}, {row['strokes']} strokes", f"{row['ms']:.1f}", f"{row['cpu_ms']:.1f}", ratio]


def random_strokes(count: int, side: int, device: torch.device) -> Strokes:
    """Strokes of one segment in random translucent colours, the same in every run."""
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(count, 1, 2, generator=generator)
    points = side * (start + 0.11 * torch.randn(count, 4, 2, generator=generator).cumsum(dim=1))
    parts = points, torch.full((count,), WIDTH), torch.rand(count, 4, generator=generator)
    return Strokes(*(part.to(device).requires_grad_() for part in parts))


def rasterise_densely(strokes: Strokes, size: tuple[int, int]) -> Tensor:
    """The picture [3, H, W] by the distance of every pixel to every chord; edges are box-filtered across."""
    height, width = size
    controls = split_cubics(strokes).controls
    t = torch.linspace(0, 1, CHORDS + 1, device=controls.device).repeat(len(controls))
    points = combine(bernstein(t), controls.repeat_interleave(CHORDS + 1, dim=0)).reshape(-1, CHORDS + 1, 2)
    start, along = points[:, :-1], points[:, 1:] - points[:, :-1]
    x, y = (torch.arange(n, device=points.device) + 0.5 for n in (width, height))
    centre = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1).reshape(-1, 1, 2)
    picture = torch.ones(height * width, 3, device=points.device)
    for i in range(len(strokes)):
        offset = centre - start[i]
        fraction = ((offset * along[i]).sum(dim=-1) / along[i].square().sum(dim=-1)).clamp(0, 1)
        distance = ((offset - fraction[..., None] * along[i]).square().sum(dim=-1) + 1e-12).sqrt().amin(dim=-1)
        alpha = (0.5 + strokes.widths[i] / 2 - distance).clamp(0, 1) * strokes.colors[i, 3]
        picture = torch.lerp(picture, strokes.colors[i, :3] * 2 - 1, alpha[:, None])
    return picture.t().reshape(3, height, width)
