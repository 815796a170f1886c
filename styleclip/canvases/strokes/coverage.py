"""How much of a pixel a stroke covers: the area of the pixel's square within the stroke's outline, differentiable.

Near a pixel an outline is taken as straight. The part of a square in a half-plane is exact (`half_plane`), and a band
is the difference of two half-planes, so strokes thinner than a pixel are right as well. Ends of thin strokes are
straight edges that leave the area of the round cap; ends of thick strokes are discs; between the two widths they blend.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.canvases.strokes.cubics import Cubics, bernstein, bernstein_velocity, combine
from styleclip.canvases.strokes.nearest import Nearest, newton_step

LEAST_SLANT = 0.01  # smaller component of a normal, below which an edge counts as axis-parallel
END_PX = 2.0  # length of a stroke in which its end is felt
TIP_PX = 1e-3  # a nearest point this close to an end is the end
THIN, THICK = 0.4, 1.0  # px, half of the width: ends are straight up to THIN, round from THICK
PIXEL_VARIANCE = 1 / 12  # px^2, of a pixel's square along any normal: what r^2 of a disc gains by straight edges


class _Offset(NamedTuple):
    """Pixel centres as seen from the nearest points: parts along and across the curve, and the distance.

    `outward` is the unit vector from the nearest point, `normal` that of the curve. `is_foot` where the two agree, so
    the pixel lies beside the stroke and not beyond an end or a corner.
    """

    along: Tensor
    across: Tensor
    distance: Tensor
    normal: Tensor
    outward: Tensor
    is_foot: Tensor


def coverage(cubics: Cubics, widths: Tensor, nearest: Nearest) -> Tensor:
    """[N] covered part, 0..1, of every pair of a stroke and a pixel; `widths` [S]."""
    offset = _offset_from_curve(cubics, nearest)
    half = widths[nearest.stroke] / 2
    at_tip = (nearest.to_start < TIP_PX) | (nearest.to_end < TIP_PX)
    covered = band(offset.distance, _radius(half, offset, at_tip), offset.outward)
    at_end = (nearest.to_start < END_PX) | (nearest.to_end < END_PX)
    chosen = (at_end & (offset.is_foot | at_tip) & (half.detach() < THICK)).nonzero()[:, 0]
    if not len(chosen):
        return covered
    straight = band(offset.across[chosen], half[chosen], offset.normal[chosen])
    straight = straight * _between_ends(cubics, widths, nearest, chosen)
    share = ((half[chosen] - THIN) / (THICK - THIN)).clamp(0, 1)
    return covered.index_put((chosen,), torch.lerp(straight, covered[chosen], share * share * (3 - 2 * share)))


def band(distance: Tensor, half: Tensor, normal: Tensor) -> Tensor:
    """Part [N] of unit squares within `half` of a line, whose distance from the centre is given."""
    return half_plane(half - distance, normal) - half_plane(-half - distance, normal)


def half_plane(depth: Tensor, normal: Tensor) -> Tensor:
    """Part [N] of unit squares on one side of a line with a unit normal [N, 2], for the depth of the centre in it.

    A square projected on the normal is a trapezoid with half-widths (a + b) / 2 and (a - b) / 2 for the absolute
    components a >= b of the normal; the part is its integral.
    """
    slants = normal.abs()
    a, b = slants.amax(dim=-1), slants.amin(dim=-1).clamp(min=LEAST_SLANT)
    outer, inner = (a + b) / 2, (a - b) / 2
    x = torch.minimum(torch.maximum(depth, -outer), outer)
    squares = (x + outer).square() - (x + inner).relu().square() - (x - inner).relu().square()
    return squares / (2 * a * b)


def _offset_from_curve(cubics: Cubics, nearest: Nearest) -> _Offset:
    controls = cubics.controls[nearest.cubic]
    t = _foot(controls, nearest)
    tangent = _unit(combine(bernstein_velocity(t), controls), controls[:, 3] - controls[:, 0])
    normal = torch.stack([-tangent[:, 1], tangent[:, 0]], dim=-1)
    offset = nearest.centre - combine(bernstein(t), controls)
    across, along = (offset * normal).sum(dim=-1).abs(), (offset * tangent).sum(dim=-1).abs()
    is_foot = along.detach() < 1e-4 * (1 + across.detach())
    distance = torch.where(is_foot, 1.0, offset.square().sum(dim=-1)).sqrt()
    outward = torch.where(is_foot[:, None], normal, offset / distance[:, None])
    return _Offset(along, across, torch.where(is_foot, across, distance), normal, outward, is_foot)


def _foot(controls: Tensor, nearest: Nearest) -> Tensor:
    """The parameters of the nearest points with their gradient: the last Newton step is differentiated.

    Its derivative is that of the implicit function. At the ends of a segment the parameter is constant.
    """
    t = nearest.parameter
    step = newton_step(controls, t, nearest.centre)
    return torch.where((t > 0) & (t < 1), t - (step - step.detach()), t)


def _radius(half: Tensor, offset: _Offset, at_tip: Tensor) -> Tensor:
    """Half the width; a pixel or more beyond an end the radius that gives a disc its area."""
    rounded = (half.square() - PIXEL_VARIANCE).clamp(min=1e-4).sqrt()
    rounded = torch.lerp(half, rounded, offset.along.clamp(max=1))
    return torch.where(offset.is_foot | ~at_tip | (half < THIN), half, rounded)


def _between_ends(cubics: Cubics, widths: Tensor, nearest: Nearest, chosen: Tensor) -> Tensor:
    """Part [n] of the chosen pixels between two straight ends, pi/8 of the width beyond the end points."""
    stroke, centre = nearest.stroke[chosen], nearest.centre[chosen]
    count = torch.bincount(cubics.stroke, minlength=len(widths))
    last = count.cumsum(0) - 1
    first, last = cubics.controls[(last - count + 1)[stroke]], cubics.controls[last[stroke]]
    start, end = first[:, 0], last[:, 3]
    back = -_unit(*(first[:, i] - start for i in (1, 2, 3)))
    ahead = _unit(*(end - last[:, i] for i in (2, 1, 0)))
    inside = torch.full_like(widths[stroke], -1.0)
    for point, direction, length in ((start, back, nearest.to_start), (end, ahead, nearest.to_end)):
        depth = math.pi / 8 * widths[stroke] - ((centre - point) * direction).sum(dim=-1)
        inside = inside + torch.where(length[chosen] < END_PX, half_plane(depth, direction), 1.0)
    return inside.clamp(min=0)


def _unit(*candidates: Tensor) -> Tensor:
    """The first of the vectors [N, 2] that is not 0, at length 1; (1, 0) where all are."""
    unit = torch.zeros_like(candidates[0])
    unit[:, 0] = 1
    for vector in reversed(candidates):
        usable = vector.detach().square().sum(dim=-1, keepdim=True) > 1e-10
        safe = torch.where(usable, vector, 1.0)
        unit = torch.where(usable, safe / safe.square().sum(dim=-1, keepdim=True).sqrt(), unit)
    return unit
