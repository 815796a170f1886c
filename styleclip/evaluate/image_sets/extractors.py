"""The features by which two sets of images are compared, and their distances by name.

| distance | features | formula |
|---|---|---|
| `fid` | Inception of 2015, as pytorch-fid | Frechet |
| `kid` | the same | squared MMD |
| `clip_fd` | a CLIP that no editor followed | Frechet |
| `clip_kid` | the same | squared MMD |

Inception is a download (`styleclip models pull fid-inception`), so its two distances are left out without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.evaluate.image_sets.distances import Moments, frechet_distance, kernel_distance
from styleclip.networks.clip import CLIP
from styleclip.networks.inception import Inception
from styleclip.weights.fid_network import load_inception

BATCH = 32  # images seen together
CLIP_DISTANCES = ("clip_fd", "clip_kid")
INCEPTION_DISTANCES = ("fid", "kid")
INCEPTION_NAME = "pytorch-fid's Inception of 2015"

Images = Tensor | Iterable[Tensor]  # [N, 3, H, W] in [-1, 1], or several of them of any sizes, which are read once


@dataclass(frozen=True)
class Extractor:
    """Features of images, and the names of the distances that they give.

    Args:
        name: of the network.
        frechet, kernel: the names of the two distances.
        extract: images [N, 3, H, W] in [-1, 1] -> features [N, D].
    """

    name: str
    frechet: str
    kernel: str
    extract: Callable[[Tensor], Tensor]


def make_extractors(
    clip: CLIP | None = None, inception: bool = True, device: torch.device | str = "cpu"
) -> tuple[Extractor, ...]:
    """The extractors that can be had: Inception where its file is on this disk, on this device, and this CLIP.

    Example:
        extractors = make_extractors(styleclip.load_clip("demo-judge-clip"))
    """
    found = [clip_extractor(clip)] if clip is not None else []
    if inception and (network := load_inception()) is not None:
        found.insert(0, inception_extractor(network.to(device)))
    return tuple(found)


def inception_extractor(network: Inception) -> Extractor:
    """The features of Inception, on its device."""
    device = next(network.parameters()).device
    return Extractor(INCEPTION_NAME, *INCEPTION_DISTANCES, lambda images: network.features(images.to(device)))


def clip_extractor(clip: CLIP) -> Extractor:
    """The scaled features of a CLIP, on its device."""
    device = clip.mean.device
    return Extractor(clip.name, *CLIP_DISTANCES, lambda images: scale_features(clip.encode_image(images.to(device))))


def scale_features(features: Tensor) -> Tensor:
    """CLIP's unit features [N, D] times the root of D, so that an entry is about 1, as Inception's are."""
    return features * features.shape[1] ** 0.5


@dataclass(frozen=True)
class ImageSet:
    """The features of a set of images by every extractor, and their moments.

    Example:
        before = ImageSet.of(images, extractors)
        print(before.distances(ImageSet.of(edited, extractors)))
    """

    extractors: tuple[Extractor, ...]
    features: Mapping[str, Tensor]  # name of the extractor -> [N, D]
    moments: Mapping[str, Moments]

    @staticmethod
    def of(images: Images, extractors: Sequence[Extractor]) -> ImageSet:
        """See the images with every extractor; raises UsageError for fewer than two."""
        parts: dict[str, list[Tensor]] = {each.name: [] for each in extractors}
        with torch.no_grad():
            for batch in _batches(images):
                for each in extractors:
                    parts[each.name].append(each.extract(batch).float().cpu())
        features = {name: torch.cat(found) if found else torch.empty(0, 1) for name, found in parts.items()}
        return ImageSet(tuple(extractors), features, {name: Moments.of(each) for name, each in features.items()})

    def distances(self, other: ImageSet) -> dict[str, float]:
        """Both distances from another set, by name, with the features of each extractor."""
        values: dict[str, float] = {}
        for each in self.extractors:
            values[each.frechet] = frechet_distance(self.moments[each.name], other.moments[each.name])
            values[each.kernel] = kernel_distance(self.features[each.name], other.features[each.name])
        return values


def feature_distances(before: Images, after: Images, extractors: Sequence[Extractor]) -> dict[str, float]:
    """The distances of edited images from unedited ones; for many edits of the same images see `ImageSet`."""
    return ImageSet.of(before, extractors).distances(ImageSet.of(after, extractors))


def _batches(images: Images) -> Iterator[Tensor]:
    for each in [images] if isinstance(images, Tensor) else images:
        yield from each.split(BATCH)
