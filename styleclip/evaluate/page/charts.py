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
CUT = 7  # px outside the axes, where curves are cut off
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
    """Titles and ranges of both axes.

    Args:
        x_title, y_title: with the unit.
        x_range, y_range: what is drawn; curves that leave it are cut off.
        x_ticks: in place of round numbers.
        negated: the values of y are less than 0 and stand without their sign, so that 0 is at the top.
    """

    x_title: str
    y_title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: Sequence[float] = field(default=())
    negated: bool = False


@dataclass(frozen=True)
class Size:
    """Width and height of a chart in CSS px at full size, the margin on the right for labels, and their length."""

    width: float
    height: float
    right: float
    label_chars: int


LARGE, SMALL = Size(460, 320, 120, 16), Size(336, 250, 98, 13)


def line_chart(curves: Sequence[Curve], axes: Axes, description: str, size: Size = LARGE) -> Html:
    """The chart; `description` is read aloud in its place."""
    x = Scale(*axes.x_range, LEFT, size.width - size.right)
    y = Scale(*axes.y_range, size.height - BOTTOM, TOP)
    drawn = [curve for curve in curves if any(map(math.isfinite, curve.y))]
    body = join(
        element("title", description),
        _grid(axes, x, y),
        _plot(drawn, x, y),
        _end_labels(drawn, x, y, size.label_chars),
    )
    box = f"0 0 {size.width:g} {size.height:g}"
    return element("svg", body, class_="chart", role="img", viewBox=box, width=size.width, height=size.height)


def _plot(curves: Sequence[Curve], x: Scale, y: Scale) -> Html:
    """Bands and curves, cut off a little outside the axes."""
    left, top = x.start - CUT, y.end - CUT
    width, height = x.end - x.start + 2 * CUT, y.start - y.end + 2 * CUT
    parts = join(
        *(_band(curve, x, y) for curve in curves if curve.band),
        *(_line(curve, x, y) for curve in curves),
    )
    box = f"{left:g} {top:g} {width:g} {height:g}"
    return element("svg", parts, class_="plot", x=left, y=top, width=width, height=height, viewBox=box)


def _grid(axes: Axes, x: Scale, y: Scale) -> Html:
    across, up = axes.x_ticks or ticks(*axes.x_range), ticks(*axes.y_range)
    across_form, up_form = tick_format(across), tick_format(up)
    labels = {each: number(abs(each) if axes.negated else each, up_form) for each in up}
    right, bottom = x.end, y.start
    return join(
        element("text", axes.y_title, x=0, y=14, class_="axis-title"),
        element("text", axes.x_title, x=right, y=bottom + BOTTOM - 6, class_="axis-title end"),
        *(element("line", x1=LEFT, x2=right, y1=y(each), y2=y(each), class_="grid") for each in up),
        *(element("text", text, x=LEFT - 8, y=y(each) + 4, class_="tick end") for each, text in labels.items()),
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
        upper = [(x(place), y(interval.high)) for place, interval in run]
        lower = [(x(place), y(interval.low)) for place, interval in reversed(run)]
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


def _end_labels(curves: Sequence[Curve], x: Scale, y: Scale, most_chars: int) -> Html:
    """The name of each curve right of the plot, joined to its last dot by a thin line."""
    ends = [_end(curve, x, y) for curve in curves]
    heights = spread([height for _, height in ends], LABEL_GAP, y.end + 4, y.start - 4)
    left = x.end + 14
    parts = []
    for curve, (end_x, end_y), height in zip(curves, ends, heights, strict=True):
        leader = _path([(end_x + DOT + 3, end_y), (left - 10, height), (left - 4, height)])
        name = shorten(curve.label, most_chars)
        text = element("text", element("title", curve.label), name, x=left, y=height + 4, class_="label")
        parts.append(element("g", element("path", d=leader, class_="leader"), text, class_=curve.css_class))
    return join(*parts)


def _end(curve: Curve, x: Scale, y: Scale) -> tuple[float, float]:
    """The last dot, or the edge of the plot where it is cut off."""
    corners = zip(curve.x, curve.y, strict=True)
    *_, (last_x, last_y) = (corner for corner in corners if all(map(math.isfinite, corner)))
    return x(last_x), min(max(y(last_y), y.end), y.start)


def shorten(label: str, most: int) -> str:
    """Dots in place of the middle of a long label."""
    if len(label) <= most:
        return label
    end = (most - 1) // 2
    return f"{label[: most - 1 - end].rstrip()}\u2026{label[-end:].lstrip()}"
