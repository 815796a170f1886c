"""CLIP's features of pictures: files, pictures of Pillow, arrays or tensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from PIL import Image, ImageOps
from torch import Tensor

from styleclip.alignment.photos import Photo, PhotoLike, read_photo
from styleclip.errors import PhotoError, UsageError
from styleclip.images import from_pil, to_pil
from styleclip.networks.clip import CLIP
from styleclip.networks.resize import apply_resizes
from styleclip.progress import OnStep, Step, ignore
from styleclip.storage.recording import InputFile

Pictures = PhotoLike | Sequence[PhotoLike] | Tensor  # tensors are [N, C, H, W] in [-1, 1]
BATCH = 64  # pictures that CLIP sees together
THUMBNAIL = 256  # px, the longer side of a picture that is kept for a sheet


@dataclass(frozen=True)
class SeenPictures:
    """Pictures as CLIP sees them.

    Args:
        names: of the files, or "picture 1" and so on.
        features: [N, D], unit length.
        sources: the pictures, read again for sheets.
        failed: why a file could not be read, by its name; empty where errors are raised.
    """

    names: tuple[str, ...]
    features: Tensor
    sources: tuple[PhotoLike | Tensor, ...] = field(repr=False)
    failed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def thumbnail(self, index: int) -> Image.Image:
        """A picture in RGB, whose longer side is at most THUMBNAIL px."""
        [picture] = to_pil(_read(self.sources[index]))
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        return picture

    def square_thumbnail(self, index: int) -> Image.Image:
        """The picture within a white square of THUMBNAIL px, enlarged where it is small."""
        picture = ImageOps.contain(self.thumbnail(index), (THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
        return ImageOps.pad(picture, (THUMBNAIL, THUMBNAIL), color="white")

    def failed_record(self) -> dict[str, Any]:
        """What a record says of the files that could not be read; nothing where there are none."""
        failed = [{"picture": name, "error": why} for name, why in self.failed.items()]
        return {"failed": failed} if failed else {}


@torch.no_grad()
def see_pictures(clip: CLIP, pictures: Pictures, on_step: OnStep = ignore, skip_failed: bool = False) -> SeenPictures:
    """The features of pictures, each whole: one that is not square is centred on a black square.

    Args:
        clip: the CLIP.
        pictures: one or several of what `read_photo` takes, or a tensor [N, C, H, W] in [-1, 1].
        on_step: a step is a picture.
        skip_failed: whether a file that cannot be read is noted in `failed`, where another can be.

    Raises PhotoError for a file that is no picture, UsageError where there is no picture.
    """
    device = clip.mean.device
    names: list[str] = []
    sources: list[PhotoLike | Tensor] = []
    failed: dict[str, str] = {}
    inputs: list[Tensor] = []
    features: list[Tensor] = []
    each = _as_list(pictures)
    for i, picture in enumerate(each):
        name = _name(picture, i)
        try:
            image = _read(picture)
        except PhotoError as error:
            if not skip_failed:
                raise
            failed[name] = str(error)
            continue
        [pixels] = apply_resizes(image.to(device), clip.resize_crop(image))
        names.append(name)
        inputs.append(pixels.contiguous())
        sources.append(picture)
        if len(inputs) == BATCH:
            features.append(clip.encode_pixels(torch.cat(inputs)))
            inputs.clear()
        on_step(Step(i + 1, len(each)))
    if inputs:
        features.append(clip.encode_pixels(torch.cat(inputs)))
    if not features:
        raise PhotoError(next(iter(failed.values()))) if failed else UsageError("there is no picture; pass one")
    return SeenPictures(tuple(names), torch.cat(features), tuple(sources), failed)


def _as_list(pictures: Pictures) -> list[PhotoLike | Tensor]:
    if isinstance(pictures, Tensor):
        return list(pictures)
    return [*pictures] if isinstance(pictures, list | tuple) else [cast(PhotoLike, pictures)]


def _read(picture: PhotoLike | Tensor) -> Tensor:
    """[1, C, H, W] in [-1, 1]."""
    return picture[None] if isinstance(picture, Tensor) else from_pil([read_photo(picture).image])


def _name(picture: PhotoLike | Tensor, index: int) -> str:
    """The name of a file, else its number from 1."""
    path = picture.path if isinstance(picture, Photo) else picture if isinstance(picture, str | os.PathLike) else None
    return f"picture {index + 1}" if path is None else InputFile(os.fspath(path))
