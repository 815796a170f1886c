"""The soft mask of a pasted face: 1 over face, hair and what the edit changed, 0 at the border of the crop.

Lengths are in sides of the crop. In an FFHQ crop hair and chin are about 0.4 from the centre, cheeks and ears 0.35.
"""

from __future__ import annotations

import numpy as np

from styleclip.alignment.crop_grid import Array, Mask, blur, cell_centres, distance_to, smoothstep, square_to_quad
from styleclip.alignment.framing import FFHQ, Landmarks

HALF_WIDTH, HALF_HEIGHT, ROUNDNESS = 0.34, 0.40, 2.5  # of the superellipse of face and hair
MARGIN = 0.035  # left alone along the border of the crop, where generators are at their worst
MAX_FALLOFF = 0.12  # longest distance from 1 to 0; a longer one shows both pictures, half transparent
MIN_FALLOFF = 0.07  # shortest distance from 1 to 0, where an edit reaches the border
MASK_BLUR = 0.008  # smooths the creases of the distances; twice this and half a cell fit into MARGIN


def face_mask(
    size: int, landmarks: Array | None = None, changed: Mask | None = None, open_end: Mask | None = None
) -> Array:
    """[size, size] float32 in [0, 1].

    Args:
        landmarks: [4, 2] in the crop, from `Landmarks.in_crop`; None for a face as FFHQ frames it.
        changed: cells that the edit changed, which are pasted as the face is.
        open_end: cells where the photo ends. There is no seam to hide, so the mask goes on to them.
    """
    core = _face_cells(size, landmarks)
    return _soften(
        core if changed is None else core | changed, np.zeros((size, size), bool) if open_end is None else open_end
    )


def _face_cells(size: int, landmarks: Array | None) -> Mask:
    """[G, G]: the superellipse of face and hair, in the square that FFHQ would frame around these landmarks."""
    places = cell_centres(size)
    if landmarks is not None:
        places = places @ np.linalg.inv(square_to_quad(FFHQ.quad(Landmarks(*landmarks)))).T
    across, down = np.moveaxis(np.abs(places[..., :2] - 0.5) / (HALF_WIDTH, HALF_HEIGHT), 2, 0)
    return across**ROUNDNESS + down**ROUNDNESS <= 1


def _soften(core: Mask, open_end: Mask) -> Array:
    """[G, G]: 1 in the core, 0 at the border of the crop, falling between them over at most `MAX_FALLOFF`."""
    border = np.pad(np.zeros((len(core) - 2,) * 2, bool), 1, constant_values=True)
    to_core, to_end = distance_to(core), distance_to(open_end)
    to_seam = (distance_to(border & ~open_end) - MARGIN).clip(0)
    whole = to_core + to_seam + 1e-9
    openness = smoothstep(2 * to_seam / (to_seam + to_end + 1e-9) - 1)  # 1 where the photo's end is nearer than a seam
    fall = 1 - smoothstep(to_core / (openness * whole + (1 - openness) * np.minimum(whole, MAX_FALLOFF)))
    fall = np.minimum(fall, smoothstep(to_seam / MIN_FALLOFF))
    return blur(fall, MASK_BLUR * len(core), mode="nearest", truncate=2).astype(np.float32)
