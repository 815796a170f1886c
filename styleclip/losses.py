"""What an edit is asked for: agreement with a text, the same person, and a small step. All are means per image [N]."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from styleclip.models.clip import CLIP
from styleclip.models.identity import Identity
from styleclip.models.views import look


def clip_loss(clip: CLIP, image: Tensor, goal: Tensor) -> Tensor:
    """`1 - cos(E(image), goal)` for images [N, 3, H, W] and unit features [N or 1, D] (StyleCLIP, equation 1)."""
    return 1 - similarity(clip.encode_image(image), goal)


def identity_loss(identity: Identity, image: Tensor, person: Tensor) -> Tensor:
    """`1 - <R(image), R(source)>`, the source's unit features [N, D] given as `person` (StyleCLIP, equation 2)."""
    return 1 - similarity(identity.embed(image), person)


def features(image: Tensor, clip: CLIP, identity: Identity | None) -> tuple[Tensor, Tensor | None]:
    """What CLIP and the recogniser (if any) see in pictures [N, 3, H, W], in one pass over them: unit features."""
    if identity is None:
        return clip.encode_image(image), None
    for_clip, for_identity = look(image, clip.view(image), identity.view(image))
    return clip.recognise(for_clip), identity.recognise(for_identity)


def directional_goal(source: Tensor, delta_t: Tensor, reach: float) -> Tensor:
    """The features an image should have once its text has changed: unit `source + reach * delta_t`, [N, D].

    As in the directional loss of StyleGAN-NADA (Gal et al. 2022, equation 2) the image is to move along the
    difference of two texts, and whatever the texts do not mention stays; unlike there the step has a length.
    """
    return F.normalize(source + reach * delta_t, dim=-1)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Dot product of unit features, [N, D] with [N or 1, D] -> [N]."""
    return (a * b).sum(dim=-1)
