"""What of a picture is sketched: all of it, or the face on white."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from styleclip.alignment.face_mask import face_mask
from styleclip.alignment.framing import Framing
from styleclip.canvases.augmentation import WHITE

AROUND = 1.15  # times the mask by which edited faces are pasted: with a hat, and more of long hair


def face_region(framing: Framing, side: int) -> Tensor:
    """[side, side] in [0, 1]: a face that is framed so, its hair and a hat: a larger mask than edits are pasted by."""
    return torch.from_numpy(face_mask(side, 0.5 + AROUND * (framed_landmarks(framing) - 0.5)))


def framed_landmarks(framing: Framing) -> NDArray[np.float64]:
    """[4, 2]: eyes and corners of the mouth of an upright face, in sides of the square that `framing` makes of it.

    Half the side is `eyes` distances between the eyes and `mouth` distances from the eyes to the mouth.
    """
    eyes, down = 0.5 / framing.eyes, 0.5 / framing.mouth
    height = 0.5 - framing.down * down
    places = [(-0.5, height), (0.5, height), (-0.35, height + down), (0.35, height + down)]
    return np.array([(0.5 + eyes * x, y) for x, y in places])


def on_white(picture: Tensor, region: Tensor | None) -> Tensor:
    """A picture [1, 3, S, S] in [-1, 1] on white outside of a region [G, G]; None is everywhere."""
    if region is None:
        return picture
    weights = resize_region(region, picture.shape[-1]).to(picture)
    return picture * weights + WHITE * (1 - weights)


def resize_region(region: Tensor, side: int) -> Tensor:
    """[side, side] of a region [G, G]."""
    return F.interpolate(region[None, None], (side, side), mode="bilinear", antialias=True)[0, 0]
