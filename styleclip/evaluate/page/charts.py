"""Line charts as inline SVG: curves with confidence bands, labelled at their ends.

Colours, type and line widths are those of page.css, so that a chart follows the page into dark mode and onto paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from styleclip.evaluate.curves.bootstrap import Interval
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import number
from styleclip.evaluate.page.scales import Scale, spread, tick_format, ticks

LEFT, TOP, BOTTOM = 46, 30, 44  # margins in px
LABEL_GAP = 16  # px between labels
MAX_LABEL_CHARS = 17
COLORS = 6  # in page.css
DOT = 3.6  # px


@dataclass(frozen=True)
class Band:
    """Intervals at places of the horizontal axis; those without limits leave a gap."""

    x: Sequence[float]
    intervals: Sequence[Interval]


@dataclass(frozen=True)
class Curve:
    """A line with dots.

    Args:
        label: at its end.
        x, y: the corners.
        color: index of the palette; None draws a bound, in grey and dashed.
        band: around it.
        notes: of every dot, shown by the browser when the pointer rests on it.
        ringed: places of dots that are drawn as rings.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    color: int | None = None
    band: Band | None = None
    notes: Sequence[str] = ()
    ringed: Sequence[int] = ()

    @property
    def css_class(self) -> str:
        return "bound" if self.color is None else f"c{self.color % COLORS}"


@dataclass(frozen=True)
class Axes:
    """Titles and ranges of both axes, and the title of the chart."""

    title: str
    x_title: str
    y_title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: Sequence[float] = field(default=())


@dataclass(frozen=True)
class Size:
    """Width and height of a chart in CSS px at full size, and the margin on the right for its labels."""

    width: float
    height: float
    right: float


LARGE, SMALL = Size(460, 320, 112), Size(336, 250, 90)


def line_chart(curves: Sequence[Curve], axes: Axes, description: str, size: Size = LARGE) -> Html:
    """The chart; `description` is read aloud in its place."""
    x = Scale(*axes.x_range, LEFT, size.width - size.right)
    y = Scale(*axes.y_range, size.height - BOTTOM, TOP)
    drawn = [curve for curve in curves if any(map(math.isfinite, curve.y))]
    body = join(
        element("title", description),
        _grid(axes, x, y),
        *(_band(curve, x, y) for curve in drawn if curve.band),
        *(_line(curve, x, y) for curve in drawn),
        _end_labels(drawn, x, y),
    )
    box = f"0 0 {size.width:g} {size.height:g}"
    return element("svg", body, class_="chart", role="img", viewBox=box, width=size.width, height=size.height)


def _grid(axes: Axes, x: Scale, y: Scale) -> Html:
    across, up = axes.x_ticks or ticks(*axes.x_range), ticks(*axes.y_range)
    across_form, up_form = tick_format(across), tick_format(up)
    right, bottom = x.end, y.start
    return join(
        element("text", axes.y_title, x=0, y=14, class_="axis-title"),
        element("text", axes.x_title, x=right, y=bottom + BOTTOM - 6, class_="axis-title end"),
        *(element("line", x1=LEFT, x2=right, y1=y(each), y2=y(each), class_="grid") for each in up),
        *(element("text", number(each, up_form), x=LEFT - 8, y=y(each) + 4, class_="tick end") for each in up),
        *(element("line", x1=x(each), x2=x(each), y1=bottom, y2=bottom + 5, class_="axis") for each in across),
        *(
            element("text", number(each, across_form), x=x(each), y=bottom + 18, class_="tick middle")
            for each in across
        ),
        element("line", x1=LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"),
    )


def _band(curve: Curve, x: Scale, y: Scale) -> Html:
    assert curve.band is not None
    areas = []
    for run in _runs(zip(curve.band.x, curve.band.intervals, strict=True)):
        upper = [(x(place), y(min(interval.high, y.high))) for place, interval in run]
        lower = [(x(place), y(max(interval.low, y.low))) for place, interval in reversed(run)]
        areas.append(element("path", d=f"{_path([*upper, *lower])}Z", class_=f"band {curve.css_class}"))
    return join(*areas)


def _runs(points: Iterable[tuple[float, Interval]]) -> list[list[tuple[float, Interval]]]:
    """Points with limits, divided where one has none."""
    runs: list[list[tuple[float, Interval]]] = [[]]
    for place, interval in points:
        if math.isfinite(interval.low):
            runs[-1].append((place, interval))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _line(curve: Curve, x: Scale, y: Scale) -> Html:
    corners = [(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True) if math.isfinite(a) and math.isfinite(b)]
    notes = curve.notes or [""] * len(curve.x)
    dots = [
        element(
            "circle",
            element("title", note) if note else None,
            cx=x(a),
            cy=y(b),
            r=DOT + 1.4 * (i in curve.ringed),
            class_="ring" if i in curve.ringed else "dot",
        )
        for i, (a, b, note) in enumerate(zip(curve.x, curve.y, notes, strict=True))
        if math.isfinite(a) and math.isfinite(b)
    ]
    return element("g", element("path", d=_path(corners), class_="line"), *dots, class_=f"curve {curve.css_class}")


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if i else 'M'}{a:.1f} {b:.1f}" for i, (a, b) in enumerate(points))


def _end_labels(curves: Sequence[Curve], x: Scale, y: Scale) -> Html:
    """The name of each curve right of the plot, joined to its last dot by a thin line."""
    ends = [(x(curve.x[-1]), y(curve.y[-1])) for curve in curves]
    heights = spread([height for _, height in ends], LABEL_GAP, y.end + 4, y.start - 4)
    left = x.end + 14
    parts = []
    for curve, (end_x, end_y), height in zip(curves, ends, heights, strict=True):
        leader = _path([(end_x + DOT + 3, end_y), (left - 10, height), (left - 4, height)])
        short = curve.label if len(curve.label) <= MAX_LABEL_CHARS else f"{curve.label[: MAX_LABEL_CHARS - 1]}\u2026"
        text = element("text", element("title", curve.label), short, x=left, y=height + 4, class_="label")
        parts.append(element("g", element("path", d=leader, class_="leader"), text, class_=curve.css_class))
    return join(*parts)
