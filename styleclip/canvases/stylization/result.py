"""The result of a stylization and its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from styleclip.alignment.photo_formats import ENCODERS, PhotoFormat
from styleclip.alignment.photos import Photo
from styleclip.canvases.result import RECORD, CanvasResult
from styleclip.canvases.stylization.faces import Faces
from styleclip.canvases.stylization.style_net import StyleNet, reduce_to
from styleclip.images import from_pil
from styleclip.interrupts import defer_interrupts
from styleclip.losses import directional_loss, similarity
from styleclip.networks.clip import CLIP
from styleclip.photo_files import DEFAULT_FORMAT
from styleclip.sheets import labelled_sheet
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

COMPARISON, NET, VIDEO = "comparison.png", "net.safetensors", "video.mp4"
PHOTOS = sorted({f"photo{encoder.suffix}" for encoder in ENCODERS.values()})
STYLIZATION_FILES = (*PHOTOS, COMPARISON, VIDEO, NET, RECORD)
SHOWN_PX = 512  # longer side of the pictures that are compared and scored


@dataclass(eq=False)
class StyledPhoto:
    """A photo in the style of a text, as large as it was, and the net that drew it.

    Args:
        photo: the photo.
        styled: its picture in the style: RGB, or RGBA with the alpha of the photo.
        net: draws other pictures in the style.
        result: the settings, scores and provenance.

    Example:
        styled = stylize("me.jpg", "a pencil sketch of a face")
        styled.save("sketch")
        styled.net.draw(Image.open("you.jpg"))
    """

    photo: Photo
    styled: Image.Image
    net: StyleNet
    result: CanvasResult

    @property
    def scores(self) -> Mapping[str, Any]:
        """`direction`, the cosine of the change in CLIP space and the text direction, and `identity` of every face."""
        return self.result.scores

    @property
    def interrupted(self) -> bool:
        return self.result.interrupted

    def record(self) -> dict[str, Any]:
        """The content of `result.json`."""
        return self.result.record()

    @defer_interrupts()
    def save(
        self,
        folder: Path | str,
        overwrite: bool = False,
        recording: Recording = DEFAULT_RECORDING,
        photo_format: PhotoFormat = DEFAULT_FORMAT,
        save_net: bool = False,
    ) -> list[Path]:
        """Write photo.png (or photo.jpg etc.), comparison.png, net.safetensors if wanted, and result.json.

        Raises OutputError where a file cannot be written, and for a folder with an earlier result unless `overwrite`.
        """
        name = photo_format.file_name(self.photo)
        content = photo_format.encode(self.styled, self.photo, recording.of_picture(self.record(), name))
        with ResultFolder(Path(folder), STYLIZATION_FILES, overwrite, source=self.photo.path) as output:
            net = [self.net.save(output.place / NET)] if save_net else []
            paths = replace(self.result, documents={name: content}).save(output.place, recording=recording)
            paths = [path for path in paths if path.name == name] + net + [path for path in paths if path.name != name]
        return [final_path(path) for path in paths]


def with_alpha(styled: Image.Image, photo: Photo) -> Image.Image:
    """The styled photo with the alpha of the photo, where that has one."""
    if photo.alpha is not None:
        styled.putalpha(photo.alpha)
    return styled


def comparison(photo: Photo, styled: Image.Image, prompt: str) -> Image.Image:
    """The photo and its styled picture side by side, reduced."""
    pictures = [reduce_to(picture.convert("RGB"), SHOWN_PX) for picture in (photo.image, styled)]
    return labelled_sheet([pictures], ["before", prompt], cell=min(pictures[0].size))


@torch.no_grad()
def stylization_scores(
    clip: CLIP, direction: Tensor, faces: Faces | None, photo: Image.Image, styled: Image.Image
) -> dict[str, Any]:
    """How far the picture moved towards the text, -1 to 1, and how much each face is still that of the photo."""
    before, after = (from_pil([reduce_to(picture, SHOWN_PX)]).to(direction.device) for picture in (photo, styled))
    loss = directional_loss(clip.encode_image(after), clip.encode_image(before), direction)
    scores: dict[str, Any] = {"direction": round(1 - loss.item(), 4)}
    if faces is not None:
        kept = similarity(faces.embed(after), faces.embed(before))
        scores["identity"] = [round(value, 4) for value in kept.tolist()]
    return scores
