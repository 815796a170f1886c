"""Pictures of edited faces: in full, or quick previews while a slider moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.preview import WholePicture, draw_whole_picture, preview, preview_resolutions
from styleclip.studio.caches import Cache, bytes_of
from styleclip.studio.drawing.ladder import Ladder
from styleclip.studio.drawing.sources import SourceFace

MIN_PREVIEWED_PX = 256  # of a generator; smaller ones are quick, and their first blocks hardly quicker
MAX_NEAR, MAX_NEAR_BYTES = 64, 2**28  # drawings that previews start from, one for a tab

OnBlock = Callable[[int], None]  # gets the resolution of a block that is drawn; what it raises ends the drawing


@dataclass(frozen=True, eq=False)
class Painting:
    """A picture [1, img_channels, H, W], and the face before the edit at the same size.

    Args:
        image: the picture.
        before: the face before the edit; the same tensor where nothing moves.
        factor: how much smaller they are than the generator's picture.
        resolution: of the block that a preview was drawn from; None for a full picture.
    """

    image: Tensor
    before: Tensor
    factor: int = 1
    resolution: int | None = None


class Painter:
    """Draws edited faces, and measures how long that takes."""

    def __init__(self, models: Models) -> None:
        is_large = models.generator.resolution >= MIN_PREVIEWED_PX
        self.ladder = Ladder(preview_resolutions(models.generator) if is_large else [])
        self._near: Cache[tuple[SourceFace, WholePicture]] = Cache(MAX_NEAR, MAX_NEAR_BYTES)

    def paint(
        self, tab: Hashable, face: SourceFace, edited: Latent, rest: bool, width: int, on_block: OnBlock
    ) -> Painting:
        """The picture of a latent in S; `face.in_s` itself gives that of the face.

        At rest it has full size, else about `width`, if the generator's is larger. `on_block` is called while a picture
        that rests is drawn slowly.
        """
        self.draw_source(face)
        factor = 1 if rest else _factor(face.image, width)
        before = face.drawing.reduced(factor)
        if edited is face.in_s:
            return Painting(before, before, factor)
        resolution = self.ladder.preview()
        started = time.perf_counter()
        if resolution is None:
            image = _reduce(face.models.render(edited), factor)
        elif rest:
            drawn = draw_whole_picture(face.models, edited, on_block)
            self._near.put(tab, (face, drawn), bytes_of(drawn))
            image, resolution = drawn.picture, None
        else:
            image = preview(face.models, edited, resolution, self._near_drawing(tab, face), factor)
        self._note(resolution, started, image)
        return Painting(image, before, factor, resolution)

    def draw_source(self, face: SourceFace) -> None:
        """Draw a face before its edit, where it is not drawn."""
        if not face.is_drawn:
            started = time.perf_counter()
            self._note(None, started, face.image)

    def forget(self, tab: Hashable) -> None:
        """Forget a tab that was closed."""
        self._near.drop(tab)

    def _near_drawing(self, tab: Hashable, face: SourceFace) -> WholePicture:
        """What a preview starts from: the picture of this tab that rested last, of this face, else the face itself."""
        near = self._near.get(tab)
        return near[1] if near is not None and near[0] is face else face.drawing

    def _note(self, resolution: int | None, started: float, image: Tensor) -> None:
        """Note the time of a picture, once the device has drawn it."""
        if image.is_cuda:
            torch.cuda.synchronize(image.device)
        self.ladder.note(resolution, 1000 * (time.perf_counter() - started))


def _factor(image: Tensor, width: int) -> int:
    """The largest power of two that divides both sides and leaves the picture at least `width` px wide."""
    height, across = image.shape[-2:]
    factor = 1
    while across >= 2 * factor * width and across % (2 * factor) == height % (2 * factor) == 0:
        factor *= 2
    return factor


def _reduce(image: Tensor, factor: int) -> Tensor:
    return image if factor == 1 else F.avg_pool2d(image, factor)
