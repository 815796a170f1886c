"""Where the strokes of a sketch begin: on lines that CLIP looks at (CLIPasso, section 3.3), or along lines."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.canvases.sketching.edges import EDGES_PX, find_lines, find_thin_lines
from styleclip.canvases.sketching.saliency import saliency
from styleclip.canvases.sketching.subject import on_white, resize_region
from styleclip.networks.clip import CLIP

TEMPERATURE = 0.3  # of the softmax over the values of the map
RADIUS = 0.05  # a control point lies within half of it of the one before, in sides of the canvas
CONTROL_POINTS = 4  # of a cubic Bezier
INSIDE = 0.5  # of the region: lines outside are not followed


def point_map(clip: CLIP, picture: Tensor, region: Tensor | None) -> Tensor:
    """[224, 224] in [0, 1]: the saliency of a picture [1, 3, S, S], on white, on its lines; 0 elsewhere."""
    shown = on_white(picture, region)
    return saliency(clip, shown, EDGES_PX) * find_lines(shown)[0, 0].to(shown)


def region_lines(picture: Tensor, region: Tensor | None) -> Tensor:
    """[224, 224]: the thin lines of a picture [1, 3, S, S] within a region; 1 on a line, else 0."""
    lines = find_thin_lines(picture)[0, 0]
    return lines if region is None else lines * (resize_region(region, EDGES_PX).to(lines) > INSIDE)


def draw_points(weights: Tensor, strokes: int, generator: torch.Generator) -> Tensor:
    """Control points [strokes, 4, 2] in sides of the canvas; x, then y.

    The first of each is drawn without replacement from the pixels where `weights` [H, W] are positive, by their softmax
    with the temperature 0.3; each of the others is a small random step from the one before. Where fewer pixels are
    positive than there are strokes, the rest is drawn from all.
    """
    height, width = weights.shape
    chosen = _draw(weights.flatten().cpu().double(), strokes, generator)
    first = torch.stack([(chosen % width + 0.5) / width, (chosen // width + 0.5) / height], dim=1).float()
    steps = RADIUS * (torch.rand(strokes, CONTROL_POINTS - 1, 2, generator=generator) - 0.5)
    return torch.cat([first[:, None], first[:, None] + steps.cumsum(dim=1)], dim=1)


def _draw(weights: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The indices of `count` pixels; those with a positive weight come first."""
    found: list[Tensor] = []
    for pixels in ((weights > 0).nonzero()[:, 0], (weights <= 0).nonzero()[:, 0]):
        left = min(count - sum(map(len, found)), len(pixels))
        if left:
            shares = torch.softmax(weights[pixels] / TEMPERATURE, dim=0)
            found.append(pixels[torch.multinomial(shares, left, generator=generator)])
    return torch.cat(found)
