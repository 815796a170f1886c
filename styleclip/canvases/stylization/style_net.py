"""`StyleNet`: a U-Net that draws photos in the style of a text, as `stylize` trains it, and its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.images import from_pil, from_uint8, to_uint8
from styleclip.networks.photo_unet import PhotoUNet, Start, Statistics, tiles
from styleclip.runtime.gradients import float32_default
from styleclip.storage.recording import InputFile
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_checks import count_of, number_of
from styleclip.weights.formats.own_files import read_own, save_own
from styleclip.weights.state_dict import load_strict, on_meta

REMEDY = "train the net again"
SIDES_PX = (64, 4096)  # of training photos
MAX_CONTRAST, MAX_WIDTH = 10, 256
GREY = (0.2989, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


@dataclass(eq=False)
class StyleNet:
    """A net that draws any picture in the style that it was trained for.

    A picture is drawn at its own size, in tiles without seams: the net is normalised by the statistics of the picture
    at the size of the training.

    Args:
        network: the U-Net.
        side: longer side of the training photo, px.
        contrast: factor of the contrast of what it draws.
        about: the prompt and the settings of its training.
        record: the name and the hash of its file, where it comes from one.

    Example:
        net = StyleNet.load("oil/net.safetensors")
        net.draw(Image.open("me.jpg")).save("me-in-oil.png")
    """

    network: PhotoUNet
    side: int
    contrast: float = 1.0
    about: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)

    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def draw(self, picture: Image.Image, statistics: Statistics | None = None) -> Image.Image:
        """A picture of any size in this style; normalised by given statistics, such as those of a video."""
        pixels = np.asarray(picture.convert("RGB"))
        styled = np.empty_like(pixels)
        statistics = self.statistics([picture]) if statistics is None else statistics
        *kept, grey = statistics
        for tile in tiles(*pixels.shape[:2]):
            _, rows, columns = tile.context
            part = from_uint8(torch.from_numpy(pixels[rows, columns].copy())[None]).to(self.device)
            drawn = contrast(tile.cut(self.network(part, kept)), self.contrast, grey)
            styled[tile.place[1:]] = to_uint8(drawn)[0].numpy()
        return Image.fromarray(styled)

    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def statistics(self, pictures: Iterable[Image.Image]) -> list[Tensor]:
        """What the net is normalised by: the means over pictures, at the size of the training, and their mean grey."""
        found = []
        for picture in pictures:
            small = from_pil([reduce_to(picture, self.side)]).to(self.device)
            kept = self.network.statistics(small)
            found.append([*kept, mean_grey(self.network(small, kept))])
        return [torch.stack(each).mean(dim=0) for each in zip(*found, strict=True)]

    @property
    def device(self) -> torch.device:
        return self.network.last.weight.device

    def save(self, path: Path | str) -> Path:
        """Write the net, all or nothing; raises OutputError."""
        drawing = {"side": self.side, "contrast": self.contrast, "start": self.network.start}
        return save_own("stylenet", self.network.state_dict(), path, {**self.about, "drawing": drawing})

    @staticmethod
    def load(path: Path | str, device: torch.device | str = "cpu") -> StyleNet:
        """The net in a file that `save` wrote; raises WeightError for any other, and for a damaged one."""
        tensors, about = read_own(path, "stylenet", REMEDY)
        with error_context(path, REMEDY):
            drawing = about.pop("drawing", None)
            first = tensors.get("first.weight")
            if not isinstance(drawing, dict) or first is None or drawing.get("start") not in get_args(Start):
                raise WeightError(f"the record of how it draws is damaged; {REMEDY}")
            side, factor = count_of(drawing, "side", REMEDY), number_of(drawing, "contrast", REMEDY)
            if not (SIDES_PX[0] <= side <= SIDES_PX[1] and 0 < factor <= MAX_CONTRAST and len(first) <= MAX_WIDTH):
                raise WeightError(f"its numbers are those of no net that styleclip trains; {REMEDY}")
            network = load_strict(on_meta(lambda: PhotoUNet(len(first), drawing["start"])), tensors)
            record = {"name": InputFile(path), "sha256": sha256_of(path)}
            return StyleNet(network.to(device), side, factor, about, record)


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
