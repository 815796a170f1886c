"""`StyleNet`: a U-Net that draws photos in the style of a text, as `stylize` trains it, and its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styleclip.errors import UsageError, WeightError
from styleclip.images import from_pil, from_uint8, to_uint8
from styleclip.networks.photo_unet import MAX_LEVELS, PhotoUNet, Start, Statistics, tiles
from styleclip.runtime.gradients import float32_default
from styleclip.settings import check_limits, setting
from styleclip.storage.recording import InputFile
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import read_own, save_own
from styleclip.weights.state_dict import load_strict, on_meta

REMEDY = "train the net again"
MAX_WIDTH = 256
GREY = (0.2989, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True)
class Finish:
    """How a net draws pictures of any size.

    Args:
        side: longer side of the training photo, px; a picture is normalised as it is at this size.
        contrast: factor of the contrast of what the net draws.
        draw_side: longer side at which the net draws larger pictures, which are enlarged then, px; None draws them at
            their own size.
        detail: share of what the enlarged picture lacks of the brightness of the photo that is added to it.
    """

    side: int = setting(512, "", least=64, most=4096)
    contrast: float = setting(1.0, "", above=0, most=10)
    draw_side: int | None = setting(None, "", least=64)
    detail: float = setting(1.0, "", least=0, most=1)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(eq=False)
class StyleNet:
    """A net that draws any picture in the style that it was trained for.

    A picture is drawn at its own size, in tiles without seams: the net is normalised by the statistics of the picture
    at the size of the training.

    Args:
        network: the U-Net.
        finish: how it draws pictures of other sizes than that of the training.
        about: the prompt and the settings of its training.
        record: the name and the hash of its file, where it comes from one.

    Example:
        net = StyleNet.load("oil/net.safetensors")
        net.draw(Image.open("me.jpg")).save("me-in-oil.png")
    """

    network: PhotoUNet
    finish: Finish
    about: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)

    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def draw(self, picture: Image.Image, statistics: Statistics | None = None) -> Image.Image:
        """A picture of any size in this style; normalised by given statistics, such as those of a video."""
        photo = picture.convert("RGB")
        small = photo if self.finish.draw_side is None else reduce_to(photo, self.finish.draw_side)
        drawn = self._draw(small, self.statistics([photo]) if statistics is None else statistics)
        return drawn if drawn.size == photo.size else enlarge(drawn, small, photo, self.finish.detail)

    def _draw(self, photo: Image.Image, statistics: Statistics) -> Image.Image:
        """An RGB picture, drawn at its own size in tiles."""
        pixels = np.asarray(photo)
        styled, (*kept, grey) = np.empty_like(pixels), statistics
        for tile in tiles(*pixels.shape[:2]):
            part = from_uint8(torch.from_numpy(pixels[tile.context[1:]].copy())[None]).to(self.device)
            drawn = contrast(tile.cut(self.network(part, kept)), self.finish.contrast, grey)
            styled[tile.place[1:]] = to_uint8(drawn)[0].numpy()
        return Image.fromarray(styled)

    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def statistics(self, pictures: Iterable[Image.Image]) -> list[Tensor]:
        """What the net is normalised by: the means over pictures, at the size of the training, and their mean grey."""
        found = []
        for picture in pictures:
            small = from_pil([reduce_to(picture, self.finish.side)]).to(self.device)
            kept = self.network.statistics(small)
            found.append([*kept, mean_grey(self.network(small, kept))])
        return [torch.stack(each).mean(dim=0) for each in zip(*found, strict=True)]

    @property
    def device(self) -> torch.device:
        return self.network.last.weight.device

    def save(self, path: Path | str) -> Path:
        """Write the net, all or nothing; raises OutputError."""
        about = {**self.about, "start": self.network.start, "finish": asdict(self.finish)}
        return save_own("stylenet", self.network.state_dict(), path, about)

    @staticmethod
    def load(path: Path | str, device: torch.device | str = "cpu") -> StyleNet:
        """The net in a file that `save` wrote; raises WeightError for any other, and for a damaged one."""
        tensors, about = read_own(path, "stylenet", REMEDY)
        with error_context(path, REMEDY):
            first, levels = tensors.get("first.weight"), sum(name.endswith("halve.bias") for name in tensors)
            start: Any = about.get("start")
            finish = _read_finish(about.pop("finish", None))
            if first is None or not len(first) <= MAX_WIDTH or levels > MAX_LEVELS or start not in get_args(Start):
                raise WeightError(f"it holds no net that styleclip trains; {REMEDY}")
            network = load_strict(on_meta(lambda: PhotoUNet(len(first), levels, start)), tensors)
            record = {"name": InputFile(path), "sha256": sha256_of(path)}
            return StyleNet(network.to(device), finish, about, record)


def _read_finish(record: Any) -> Finish:
    """The `Finish` of a file; raises WeightError for what is none."""
    try:
        numbers = {name: value for name, value in dict(record).items() if value is not None}
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers.values()):
            raise TypeError("a number is none")
        return Finish(**numbers)
    except (TypeError, ValueError, UsageError) as error:
        raise WeightError(f"the record of how it draws is damaged; {REMEDY}") from error


def enlarge(drawn: Image.Image, small: Image.Image, photo: Image.Image, detail: float) -> Image.Image:
    """A picture that was `drawn` of the `small` photo, at the size of the photo, with a share of its finer detail.

    The detail is what the brightness of the photo has beyond that of the small one.
    """
    large, plain = (each.resize(photo.size, Image.Resampling.BICUBIC) for each in (drawn, small))
    if not detail:
        return large
    finer = np.asarray(photo.convert("L"), np.int16) - np.asarray(plain.convert("L"), np.int16)
    pixels = np.asarray(large, np.int16) + (detail * finer).round().astype(np.int16)[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def contrast(image: Tensor, factor: float, grey: Tensor) -> Tensor:
    """Images [N, 3, H, W] in [-1, 1], whose distance from the mean `grey` is multiplied by a factor, within [-1, 1].

    torchvision's `adjust_contrast`.
    """
    return (image if factor == 1 else grey + factor * (image - grey)).clamp(-1, 1)


def mean_grey(image: Tensor) -> Tensor:
    """The mean [1, 1, 1, 1] of a picture [1, 3, H, W] in grey."""
    return (image * image.new_tensor(GREY)[:, None, None]).sum(dim=1, keepdim=True).mean().reshape(1, 1, 1, 1)


def reduce_to(picture: Image.Image, side: int) -> Image.Image:
    """The picture with a longer side of at most `side` px."""
    factor = side / max(picture.size)
    if factor >= 1:
        return picture
    width, height = (max(1, round(length * factor)) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
