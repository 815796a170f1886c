"""Pad a photo beyond its border, as FFHQ does: mirrored, increasingly blurred, and faded to the median colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
Pixels = NDArray[np.float32]  # [H, W, 3] grey levels 0..255

MIN_PAD_PX = 4  # narrower padding, beyond the border that crops keep, is left out
PAD_FRACTION = 0.3  # smallest padding, in sides of the crop
BLUR_FRACTION = 0.02  # standard deviation of the blur, in sides of the crop


def pad_outside(image: Image.Image, quad: Array, side: float, border: int) -> tuple[Image.Image, Array]:
    """The picture with room for the quad [4, 2] and `border` px around it, and the quad in it; unchanged if it fits.

    `side` is the length of the quad's sides, px.
    """
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    pad = np.maximum(np.concatenate([-low, high - image.size]) + border, 0)  # left, top, right, bottom
    if pad.max() <= border - MIN_PAD_PX:
        return image, quad
    left, top, right, bottom = np.maximum(pad, max(int(np.rint(side * PAD_FRACTION)), 1)).tolist()
    pixels = np.pad(np.asarray(image, np.float32), ((top, bottom), (left, right), (0, 0)), "reflect")
    mask = np.maximum(_ramp_outside(pixels.shape[1], left, right), _ramp_outside(pixels.shape[0], top, bottom)[:, None])
    faded = _blend_padding(pixels, mask[..., None].astype(np.float32), side * BLUR_FRACTION)
    return Image.fromarray(np.rint(faded).clip(0, 255).astype(np.uint8)), quad + [left, top]


def _ramp_outside(length: int, before: int, after: int) -> Array:
    """[length]: 1 at both ends, falling to 0 where the picture begins and below 0 inside it."""
    x = np.arange(length, dtype=np.float64)
    return 1 - np.minimum(x / before, (length - 1 - x) / after)


def _blend_padding(pixels: Pixels, mask: Pixels, sigma: float) -> Pixels:
    """The pixels, blurred from a third of the padding's width inside the picture and faded to the median colour."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(pixels, (sigma, sigma, 0))
    pixels = pixels + (blurred - pixels) * (3 * mask + 1).clip(0, 1)
    median = np.median(pixels, axis=(0, 1)).astype(np.float32)
    return pixels + (median - pixels) * mask.clip(0, 1)
