"""Strokes as SVG, still or drawing themselves."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from torch import Tensor

from styleclip.canvases.strokes.strokes import Strokes
from styleclip.images import png_bytes, to_pil, to_uint8

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
DRAWING_SECONDS = 6.0  # of an animation


def svg(strokes: Strokes, size: tuple[int, int], background: Tensor | None = None) -> str:
    """A document of `size` (height, width) that looks like `rasterise(strokes, size, background)`."""
    return _document([stroke_path(strokes, i) for i in range(len(strokes))], size, background)


def drawing_svg(
    strokes: Strokes, size: tuple[int, int], background: Tensor | None = None, seconds: float = DRAWING_SECONDS
) -> str:
    """A document in which one stroke is drawn after the other; longer ones take longer."""
    lengths = path_lengths(strokes)
    total, begin, paths = sum(lengths) or 1.0, 0.0, []
    for i, length in enumerate(lengths):
        duration = max(seconds * length / total, 0.01)
        timing = f'begin="{begin:.3f}s" dur="{duration:.3f}s" fill="freeze"'
        animation = f'<animate attributeName="stroke-dashoffset" values="1;0" {timing}/>'
        dashes = 'pathLength="1" stroke-dasharray="1 2" stroke-dashoffset="1.5"'  # a gap, until it begins
        paths.append(stroke_path(strokes, i, dashes, animation))
        begin += duration
    return _document(paths, size, background)


def stroke_path(strokes: Strokes, index: int, attributes: str = "", content: str = "") -> str:
    """The `<path>` of one stroke, with further attributes and content."""
    count = 3 * int(strokes.segment_counts()[index])
    points = [f"{_number(x)} {_number(y)}" for x, y in strokes.points[index].detach().tolist()[: count + 1]]
    curves = " ".join(f"C {', '.join(points[i : i + 3])}" for i in range(1, count, 3))
    *_, opacity = strokes.colors[index].detach().tolist()
    words = [
        f'd="M {points[0]} {curves}"',
        f'stroke="{_hex_color(strokes.colors[index, :3].detach() * 2 - 1)}"',
        f'stroke-width="{_number(float(strokes.widths[index].detach()))}"',
        f'stroke-opacity="{_number(min(max(opacity, 0), 1))}"' if opacity < 1 else "",
        attributes,
    ]
    start = f"<path {' '.join(filter(None, words))}"
    return f"{start}>{content}</path>" if content else f"{start}/>"


def path_lengths(strokes: Strokes) -> list[float]:
    """The length in px of every stroke, of its control polygon and its chord together half."""
    points = strokes.points.detach()
    polygon = (points[:, 1:] - points[:, :-1]).norm(dim=-1)  # [S, 3K]
    chords = (points[:, 3::3] - points[:, :-1:3]).norm(dim=-1)  # [S, K]
    lengths = (polygon.unflatten(1, (-1, 3)).sum(dim=-1) + chords) / 2
    return [float(row[: int(count)].sum()) for row, count in zip(lengths, strokes.segment_counts(), strict=True)]


def _document(paths: Sequence[str], size: tuple[int, int], background: Tensor | None) -> str:
    height, width = size
    lines = [
        f'<svg {NAMESPACE} width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        _background(background, size),
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">',
        *paths,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _background(background: Tensor | None, size: tuple[int, int]) -> str:
    """A rectangle of one colour, white by default, or a picture [3, H, W]."""
    height, width = size
    place = f'width="{width}" height="{height}"'
    if background is None or background.shape[1:] == (1, 1):
        fill = "#ffffff" if background is None else _hex_color(background[:, 0, 0])
        return f'<rect {place} fill="{fill}"/>'
    data = base64.b64encode(png_bytes(to_pil(background[None])[0])).decode()
    return f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'


def _hex_color(color: Tensor) -> str:
    """[3] in [-1, 1] -> `#rrggbb`."""
    return "#" + bytes(to_uint8(color[None, :, None, None])[0, 0, 0].tolist()).hex()


def _number(value: float) -> str:
    """Three decimals at most: `1.500 -> "1.5"`."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
