"""All edits of an editor at a strength as a set of pictures, compared with samples without an edit."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.evaluate.held_out.measurements import SetMeasurement
from styleclip.evaluate.held_out.unedited import Unedited
from styleclip.evaluate.image_sets.distances import MIN_IMAGES, Moments, frechet_distance, kernel_distance
from styleclip.evaluate.image_sets.extractors import (
    BATCH,
    CLIP_DISTANCES,
    INCEPTION_DISTANCES,
    INCEPTION_NAME,
    Extractor,
    make_extractors,
    scale_features,
)
from styleclip.images import to_rgb
from styleclip.models import Models

DECIMALS = 5

Names = tuple[str, str]  # of the Frechet and the kernel distance of some features
Features = dict[Names, Tensor]  # [N, D] each, of the same pictures


class EditSets:
    """The features of edited pictures by editor and strength.

    The held-out CLIP's give `clip_fd` and `clip_kid`, those of Inception, where it is wanted, `fid` and `kid`.

    Args:
        models: draw the samples for Inception, at their full size.
        unedited: samples without an edit.
        inception: the network of FID and KID; None leaves them out.
    """

    def __init__(self, models: Models, unedited: Unedited, inception: Extractor | None = None) -> None:
        self.inception = inception
        self.before = {CLIP_DISTANCES: scale_features(unedited.features)}
        if self.inception is not None:
            images = to_rgb(models.render(unedited.latent(models)).float().clamp(-1, 1))
            self.before[INCEPTION_DISTANCES] = _features(self.inception, images)
        self.after: dict[tuple[str, float], dict[Names, list[Tensor]]] = defaultdict(lambda: defaultdict(list))

    def features(self, features: Tensor, images: Tensor) -> Features:
        """What is compared of edited pictures [N, 3, H, W] with these unit features [N, D] of the CLIP."""
        found = {CLIP_DISTANCES: scale_features(features.cpu())}
        if self.inception is not None:
            found[INCEPTION_DISTANCES] = _features(self.inception, images)
        return found

    def add(self, editor: str, strength: float, features: Features) -> None:
        """The features of edited pictures of an editor at a strength."""
        for names, each in features.items():
            self.after[editor, strength][names].append(each)

    def measurements(self) -> list[SetMeasurement]:
        """The distances of every set of two pictures or more."""
        moments = {names: Moments.of(features) for names, features in self.before.items()}
        found = []
        for (editor, strength), kept in self.after.items():
            values: dict[str, float] = {}
            for names, parts in kept.items():
                features = torch.cat(parts)
                if len(features) >= MIN_IMAGES:
                    distances = (
                        frechet_distance(moments[names], Moments.of(features)),
                        kernel_distance(self.before[names], features),
                    )
                    values |= {name: round(value, DECIMALS) for name, value in zip(names, distances, strict=True)}
            found += [SetMeasurement(editor, strength, values)] if values else []
        return found


def _features(extractor: Extractor, images: Tensor) -> Tensor:
    """[N, D] of images [N, 3, H, W], batch by batch."""
    with torch.no_grad():
        return torch.cat([extractor.extract(part).float() for part in images.cpu().split(BATCH)])


def load_inception() -> Extractor:
    """The network of FID and KID. Raises WeightError where it is not on this disk."""
    found = [each for each in make_extractors() if each.name == INCEPTION_NAME]
    if not found:
        raise WeightError("FID and KID need Inception; run `styleclip models pull fid-inception`, or leave out --fid")
    return found[0]
