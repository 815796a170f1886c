"""`Region`: where in the frame of a generator an edit may change the picture."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.images import lift_pillow_limits
from styleclip.storage.recording import InputFile

FEATHER = 0.03  # widths of the frame over which the weights rise from 0 to 1, inside of the white part
NOISE_LEVELS = 8 / 255  # of black and of white, which JPEG leaves behind
ROUNDING = 1e-5  # of a resized weight
MAX_RATIO_ERROR = 0.05  # between the ratio of a mask and that of the frame
MAX_MASK_PX = 50_000_000
MASK_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

Array = NDArray[np.floating[Any]]
Size = tuple[int, int]  # height, width in px
MaskLike = str | os.PathLike[str] | Image.Image | NDArray[Any] | Tensor


@dataclass(frozen=True, eq=False)
class Region:
    """Weights over the frame: 1 where an edit may change the picture, 0 where the picture keeps its bits.

    Args:
        weights: [H, W] in 0..1 for pictures of this height and width.
        about: more of the record, such as the file of the mask.

    Raises UsageError for other values, and for zeros only.

    Example:
        region = Region.load("mask.png", editor.models.generator.image_size)
        result = editor.edit(editor.sample(seed=3), "a face with red hair", Optimize(), region=region)
    """

    weights: Tensor
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights = torch.as_tensor(self.weights).detach().to("cpu", torch.float32)
        if weights.ndim != 2 or not weights.numel():
            raise UsageError(f"the weights of a region have shape {list(weights.shape)}; pass [H, W]")
        if not ((weights >= 0) & (weights <= 1)).all():
            raise UsageError("the weights of a region go beyond 0..1; divide those of 8 bits by 255")
        if not weights.any():
            raise UsageError("the mask is black everywhere, so nothing may change; paint white what may change")
        object.__setattr__(self, "weights", weights)

    @classmethod
    def load(cls, mask: MaskLike, size: Size, feather: float = FEATHER) -> Region:
        """The region of a mask, in which white may change; grey changes in part, and transparent counts as black.

        Weights are 0 wherever the mask is black, and rise to 1 within its white part; thinner parts rise faster.

        Args:
            mask: a file, a picture of Pillow, or pixels [H, W] (bool, uint8, floats in 0..1) or [H, W, 2 to 4] uint8.
            size: height and width of the generator's pictures, which the mask is resized to.
            feather: widths of the frame over which the weights rise.

        Raises UsageError for a mask that cannot be read, or has another ratio than the frame.
        """
        if not 0 <= feather <= 1:
            raise UsageError(f"the feather is {feather}; pass a share of the width from 0 to 1")
        about: dict[str, Any] = {"feather": feather}
        if isinstance(mask, (str, os.PathLike)):
            about["mask"] = InputFile(Path(mask))
        values = _resize_to_frame(_mask_values(mask), size)
        return cls(torch.from_numpy(_feather(values, feather * size[1])), about)

    @property
    def size(self) -> Size:
        """Height and width of the pictures that it is for."""
        height, width = self.weights.shape
        return height, width

    def check_size(self, size: Size) -> None:
        """Raise UsageError unless the region is for pictures of this height and width."""
        if self.size != tuple(size):
            own, other = (f"{width} x {height}" for height, width in (self.size, size))
            raise UsageError(f"the region is for pictures of {own} px, these have {other}; load its mask for that size")

    def composite(self, before: Tensor, after: Tensor) -> Tensor:
        """`before + weights (after - before)`, of images [N, C, H, W]; where a weight is 0 or 1, the bits of one."""
        self.check_size((before.shape[-2], before.shape[-1]))
        weights = self.weights.to(before)
        mixed = torch.where(weights == 1, after, before + weights * (after - before))
        return torch.where(weights == 0, before, mixed)

    def record(self) -> dict[str, Any]:
        """The hash of the weights (float32, little-endian, by rows), and the share of the frame that may change."""
        content = self.weights.contiguous().numpy().astype("<f4").tobytes()
        share = round(self.weights.mean().item(), 4)
        return {"sha256": hashlib.sha256(content).hexdigest(), "share": share, **self.about}


def _mask_values(mask: MaskLike) -> Array:
    """[H, W] float32 in 0..1: the lightness of a mask, times its alpha."""
    if isinstance(mask, (str, os.PathLike)):
        return _picture_values(_open_mask(Path(mask)))
    if isinstance(mask, Image.Image):
        return _picture_values(mask)
    pixels = np.asarray(mask.detach().cpu() if isinstance(mask, Tensor) else mask)
    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (2, 3, 4))):
        return _picture_values(Image.fromarray(pixels))
    if pixels.ndim == 2 and pixels.dtype.kind in "bf":
        return pixels.astype(np.float32)
    raise UsageError(
        f"an array {list(pixels.shape)} of {pixels.dtype} is no mask; pass [H, W] of bool, uint8 or floats in 0..1"
    )


def _open_mask(path: Path) -> Image.Image:
    """The first frame of a picture file, decoded and upright."""
    try:
        with lift_pillow_limits(), Image.open(path, formats=MASK_FORMATS) as picture:
            if picture.width * picture.height > MAX_MASK_PX:
                raise UsageError(f"{path} has {picture.width * picture.height / 1e6:.0f} megapixels; make it smaller")
            return ImageOps.exif_transpose(picture)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}; check the name and the folder") from error
    except (OSError, ValueError, SyntaxError, MemoryError) as error:  # decoders raise what their parsers stumble on
        raise UsageError(f"{path} cannot be read as a mask; pass a PNG, white where the picture may change") from error


def _picture_values(picture: Image.Image) -> Array:
    """[H, W]: lightness times alpha; the last levels of black and white become 0 and 1."""
    if picture.mode[0] in "IF":  # grey of 16 bits, or of floats in 0..1
        return np.asarray(picture, np.float32) / (1 if picture.mode == "F" else 65535)
    whole = picture.convert("RGBA")
    lightness, alpha = (np.asarray(each, np.float32) / 255 for each in (whole.convert("L"), whole.getchannel("A")))
    return ((lightness * alpha - NOISE_LEVELS) / (1 - 2 * NOISE_LEVELS)).clip(0, 1)


def _resize_to_frame(values: Array, size: Size) -> Array:
    """[H, W] at the size of the frame: the mean of the pixels that fall into each; raises UsageError."""
    height, width = values.shape
    if not height * width or abs(width * size[0] / (height * size[1]) - 1) > MAX_RATIO_ERROR:
        told = f"the mask has {width} x {height} px, and the frame {size[1]} x {size[0]}"
        raise UsageError(f"{told}; draw it over the frame, e.g. over before.png")
    picture = Image.fromarray(values.astype(np.float32))
    resized = np.array(picture.resize((size[1], size[0]), Image.Resampling.BOX))
    resized[(resized > 1 - ROUNDING) & (resized < 1 + ROUNDING)] = 1
    resized[np.abs(resized) < ROUNDING] = 0
    return resized


def _feather(values: Array, width_px: float) -> Array:
    """[H, W]: the values, rising from 0 over `width_px`, or over the depth of a part that is thinner than that."""
    from scipy.ndimage import distance_transform_edt, label, maximum  # importing scipy takes 0.2 s

    if width_px <= 0 or values.all():
        return values
    depth = distance_transform_edt(values > 0)  # px to the next pixel with 0, from 1
    parts, count = label(values > 0)
    deepest = np.asarray(maximum(depth, parts, range(count + 1)))[parts]
    width = np.minimum(width_px, deepest - 1)
    rise = np.where(width > 0, ((depth - 1) / np.maximum(width, 1e-6)).clip(0, 1), 1)
    return (values * rise**2 * (3 - 2 * rise)).astype(np.float32)
