"""Losses of an edit: CLIP and identity, one value per image [N], and the resolution and features they work on."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP
from styleclip.networks.encoder_config import FRAME_PX
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.generator import Generator
from styleclip.networks.resize import apply_resizes
from styleclip.settings import LossResolution

MIN_CHANGE = 1e-6  # length of a change of unit features that has a direction


def clip_loss(clip: CLIP, image: Tensor, target: Tensor) -> Tensor:
    """`1 - cos(E(image), target)` for images [N, 1..4, H, W] and unit features [N or 1, D] (StyleCLIP, equation 1)."""
    return 1 - similarity(clip.encode_image(image), target)


def identity_loss(identity: FaceRecogniser, image: Tensor, source: Tensor) -> Tensor:
    """`1 - <R(image), R(source)>`, for the unit features [N, D] of the `source` (StyleCLIP, equation 2)."""
    return 1 - similarity(identity.embed(image), source)


def clip_and_identity_features(
    image: Tensor, clip: CLIP, identity: FaceRecogniser | None
) -> tuple[Tensor, Tensor | None]:
    """Unit features of images [N, 1..4, H, W] by CLIP and, where there is one, the face recogniser, in one pass."""
    if identity is None:
        return clip.encode_image(image), None
    for_clip, for_identity = apply_resizes(image, clip.resize_crop(image), identity.resize_crop(image))
    return clip.encode_pixels(for_clip), identity.encode_pixels(for_identity)


def loss_resolution_px(generator: Generator, clip: CLIP, wanted: LossResolution) -> int:
    """The block, by its resolution, whose skip image the losses see; later blocks do not run.

    "full" is the generator's last block, "auto" the first whose longer side is at least the input of CLIP and of
    ArcFace's alignment (FRAME_PX), a number the block with this longer side in px, or the last one if that is smaller.
    Raises UsageError for a size that the generator has no block for.
    """
    blocks = {max(generator.config.block_size(block)): block for block in generator.config.resolutions}
    longest = max(blocks)
    if wanted == "full":
        return blocks[longest]
    if wanted == "auto":
        return blocks[next((side for side in blocks if side >= max(FRAME_PX, clip.image_size)), longest)]
    if wanted not in blocks and wanted < longest:
        raise UsageError(f"loss_resolution is {wanted}; this generator draws {', '.join(map(str, blocks))} px")
    return blocks[min(wanted, longest)]


def directional_target(source: Tensor, delta_t: Tensor, reach: float) -> Tensor:
    """The target of the directional loss: unit `source + reach * delta_t`, [N, D].

    As in StyleGAN-NADA (Gal et al. 2022, equation 2) the image moves along the difference of two texts, so content that
    the texts do not mention stays. Unlike there the step has a length, `reach`.
    """
    return F.normalize(source + reach * delta_t, dim=-1)


def directional_loss(features: Tensor, source: Tensor, direction: Tensor, min_change: float = MIN_CHANGE) -> Tensor:
    """`1 - cos(features - source, direction)` for unit features of images before and after [N, D] and a unit direction
    [D] between two texts (StyleGAN-NADA, equation 2); one value per image [N], 1 where nothing has changed.

    A change shorter than `min_change` counts in proportion to its length, so that the gradient stays bounded.
    """
    return 1 - similarity(F.normalize(features - source, dim=-1, eps=min_change), direction)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Dot product of unit features, [N, D] with [N or 1, D] -> [N]."""
    return (a * b).sum(dim=-1)
