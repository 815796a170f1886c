"""Time per image by resolution and by batch size, compared with the number of multiplications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.convolutions import multiplication_count
from benchmarks.timing import make_timer, time_in_turns
from styleclip.networks.generator import Generator
from styleclip.storage.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIN_SIDE = 64  # px
BATCHES = (1, 2, 4, 8)
REPEATS = 2

Sized = Callable[[Generator, int, int], dict[str, Callable[[], Any]]]  # generator, batch, resolution -> works


def measure_growth(generator: Generator, works: Sized, quick: bool) -> list[dict[str, Any]]:
    """Least seconds per image and multiplications of every work, for resolutions from 64 px and batches up to 8."""
    every = generator.config.resolutions
    sides = [side for side in every if side >= MIN_SIDE] or [*every]
    cells = [(side, batch) for side in sides for batch in (BATCHES[:2] if quick else BATCHES)]
    device = generator.w_avg.device
    timers = {
        (name, side, batch): make_timer(work, device)
        for side, batch in cells
        for name, work in works(generator, batch, side).items()
    }
    return [
        {
            "work": name,
            "resolution": side,
            "batch": batch,
            "seconds": min(taken) / batch,
            "multiplications": multiplication_count(generator, side),
        }
        for (name, side, batch), taken in time_in_turns(timers, REPEATS).items()
    ]


def draw_growth(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot seconds per image: at batch 1 by resolution, and of the longest work by batch size.

    Dotted lines are proportional to the multiplications.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for work in dict.fromkeys(row["work"] for row in rows):
        _line(left, work, [row for row in rows if row["work"] == work and row["batch"] == 1], "resolution")
    longest = rows[-1]["work"]
    for side in dict.fromkeys(row["resolution"] for row in rows):
        selected = [row for row in rows if row["work"] == longest and row["resolution"] == side]
        _line(right, f"{side} px, {longest}", selected, "batch")
    left.set(xlabel="resolution, px", ylabel="seconds per picture")
    right.set(xlabel="pictures at once")
    for axes, key in ((left, "resolution"), (right, "batch")):
        _ticks(axes, dict.fromkeys(row[key] for row in rows))
        axes.plot([], [], ":", color="grey", label="proportional to the multiplications")
        axes.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _line(axes: Axes, label: str, rows: Sequence[dict[str, Any]], key: str) -> None:
    """Plot the seconds, and dotted the multiplications scaled to meet the last point."""
    x, last = [row[key] for row in rows], rows[-1]
    [drawn] = axes.plot(x, [row["seconds"] for row in rows], "o-", label=label)
    per = last["seconds"] / last["multiplications"]
    axes.plot(x, [per * row["multiplications"] for row in rows], ":", color=drawn.get_color())


def _ticks(axes: Axes, values: Iterable[int]) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_xticks([*values], [str(value) for value in values])
    axes.minorticks_off()
