"""How the time of a picture grows with its size and with its batch, against the work there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.convolutions import multiplications
from benchmarks.timing import in_turn, stopwatch
from styleclip.files import atomic_path
from styleclip.networks.stylegan2 import Generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST = 64  # px
BATCHES = (1, 2, 4, 8)
REPEATS = 2

Sized = Callable[[Generator, int, int], dict[str, Callable[[], Any]]]  # generator, batch, resolution -> works


def growth(generator: Generator, works: Sized, quick: bool) -> list[dict[str, Any]]:
    """The least seconds per picture of every work, and its multiplications, for sizes from 64 px and batches to 8."""
    sides = [side for side in generator.config.channels if side >= LEAST] or [*generator.config.channels]
    cells = [(side, batch) for side in sides for batch in (BATCHES[:2] if quick else BATCHES)]
    device = generator.w_avg.device
    timers = {
        (name, side, batch): stopwatch(work, device)
        for side, batch in cells
        for name, work in works(generator, batch, side).items()
    }
    return [
        {
            "work": name,
            "resolution": side,
            "batch": batch,
            "seconds": min(taken) / batch,
            "multiplications": multiplications(generator, side),
        }
        for (name, side, batch), taken in in_turn(timers, REPEATS).items()
    ]


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Seconds per picture: of one by its size, and of the longer work by the batch; dotted is what the work says."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for work in dict.fromkeys(row["work"] for row in rows):
        _line(left, work, [row for row in rows if row["work"] == work and row["batch"] == 1], "resolution")
    longer = rows[-1]["work"]
    for side in dict.fromkeys(row["resolution"] for row in rows):
        own = [row for row in rows if row["work"] == longer and row["resolution"] == side]
        _line(right, f"{side} px, {longer}", own, "batch")
    left.set(xlabel="resolution, px", ylabel="seconds per picture")
    right.set(xlabel="pictures at once")
    for axes, of in ((left, "resolution"), (right, "batch")):
        _ticks(axes, dict.fromkeys(row[of] for row in rows))
        axes.plot([], [], ":", color="grey", label="proportional to the multiplications")
        axes.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _line(axes: Axes, label: str, rows: Sequence[dict[str, Any]], of: str) -> None:
    """The seconds, and dotted the multiplications of a picture, through the last point."""
    x, last = [row[of] for row in rows], rows[-1]
    [drawn] = axes.plot(x, [row["seconds"] for row in rows], "o-", label=label)
    per = last["seconds"] / last["multiplications"]
    axes.plot(x, [per * row["multiplications"] for row in rows], ":", color=drawn.get_color())


def _ticks(axes: Axes, values: Iterable[int]) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_xticks([*values], [str(value) for value in values])
    axes.minorticks_off()
