"""What an edit is asked for: agreement with a text, the same person, and a small step. All are means per image [N]."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.resize import apply_resizes
from styleclip.networks.stylegan2 import Generator
from styleclip.settings import LossResolution

FRAME = 256  # px that are enough for "auto": ArcFace pools its frames to this


def clip_loss(clip: CLIP, image: Tensor, goal: Tensor) -> Tensor:
    """`1 - cos(E(image), goal)` for images [N, 3, H, W] and unit features [N or 1, D] (StyleCLIP, equation 1)."""
    return 1 - similarity(clip.encode_image(image), goal)


def identity_loss(identity: FaceRecogniser, image: Tensor, person: Tensor) -> Tensor:
    """`1 - <R(image), R(source)>`, the source's unit features [N, D] given as `person` (StyleCLIP, equation 2)."""
    return 1 - similarity(identity.embed(image), person)


def clip_and_identity_features(
    image: Tensor, clip: CLIP, identity: FaceRecogniser | None
) -> tuple[Tensor, Tensor | None]:
    """What CLIP and the recogniser (if any) see in pictures [N, 3, H, W], in one pass over them: unit features."""
    if identity is None:
        return clip.encode_image(image), None
    for_clip, for_identity = apply_resizes(image, clip.resize_crop(image), identity.resize_crop(image))
    return clip.encode_pixels(for_clip), identity.encode_pixels(for_identity)


def loss_resolution_px(generator: Generator, clip: CLIP, wanted: LossResolution) -> int:
    """The px of the pictures that the losses see: the skip image of that block, behind which no block is run.

    "full" is the generator's own, "auto" the smallest that is no smaller than what CLIP and ArcFace look at. Raises
    UsageError for a resolution that the generator does not draw; a larger one is its own.
    """
    sides = sorted(generator.config.channels)
    if wanted == "full":
        return sides[-1]
    if wanted == "auto":
        return next((side for side in sides if side >= max(FRAME, clip.image_size)), sides[-1])
    if wanted not in sides and wanted < sides[-1]:
        raise UsageError(f"loss_resolution is {wanted}; this generator draws {', '.join(map(str, sides))} px")
    return min(wanted, sides[-1])


def directional_target(source: Tensor, delta_t: Tensor, reach: float) -> Tensor:
    """The features an image should have once its text has changed: unit `source + reach * delta_t`, [N, D].

    As in the directional loss of StyleGAN-NADA (Gal et al. 2022, equation 2) the image is to move along the
    difference of two texts, and whatever the texts do not mention stays; unlike there the step has a length.
    """
    return F.normalize(source + reach * delta_t, dim=-1)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Dot product of unit features, [N, D] with [N or 1, D] -> [N]."""
    return (a * b).sum(dim=-1)
