"""The losses of a sketch: the layers of CLIP keep its form, the features its meaning (CLIPasso, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.canvases.augmentation import random_views, warp
from styleclip.losses import similarity
from styleclip.networks.clip import CLIP
from styleclip.networks.clip_layers import is_transformer, layer_features, layer_names

DISTORTION, CROP_AREA = 0.5, (0.8, 0.8)  # of the random views
BLACK = -1.0  # around a warped view, of sketch and picture alike


class SketchLosses:
    """The losses of a sketch, each the mean over the same views of sketch, form and meaning [1, 3, S, S].

    Args:
        clip: judges both.
        form: what the outputs of the layers are compared with: the picture, or its line drawing.
        meaning: what the features are compared with: the picture.
        layers: whose outputs are compared; by default `default_layers`.
        lambda_semantic: weight of the cosine distance of the features.
        views: random views in every step.
        seed: of the views; those of step i come from seed + i.
    """

    def __init__(
        self,
        clip: CLIP,
        form: Tensor,
        meaning: Tensor,
        layers: Sequence[str] = (),
        lambda_semantic: float = 0.1,
        views: int = 4,
        seed: int = 0,
    ) -> None:
        self.clip, self.lambda_semantic = clip, lambda_semantic
        self.form, self.meaning = form, None if meaning is form else meaning
        self.layers = tuple(layers) or default_layers(clip)
        self.views, self.seed = views, seed

    def of_step(self, sketch: Tensor, index: int) -> dict[str, Tensor]:
        """The weighted losses of a sketch [3, S, S] in the whole view and the random ones of a step."""
        if not self.views:
            return self.of_whole(sketch)
        generator = torch.Generator().manual_seed(self.seed + index)
        transforms = random_views(self.views, generator, DISTORTION, CROP_AREA)

        def views_of(image: Tensor) -> Tensor:
            return torch.cat([image, warp(image.expand(self.views, -1, -1, -1), transforms, BLACK)])

        meaning = None if self.meaning is None else views_of(self.meaning)
        return self._compare(views_of(sketch[None]), views_of(self.form), meaning)

    def of_whole(self, sketch: Tensor) -> dict[str, Tensor]:
        """The weighted losses of a sketch [3, S, S] in the whole view alone."""
        return self._compare(sketch[None], self.form, self.meaning)

    def _compare(self, sketches: Tensor, forms: Tensor, meanings: Tensor | None) -> dict[str, Tensor]:
        with torch.no_grad():
            wanted, goal = layer_features(self.clip, forms, *self.layers)
            goal = goal if meanings is None else self.clip.encode_image(meanings)
        outputs, features = layer_features(self.clip, sketches, *self.layers)
        terms = {name: (outputs[name] - wanted[name]).float().square().mean() for name in self.layers}
        return {**terms, "semantic": self.lambda_semantic * (1 - similarity(features, goal)).mean()}


def default_layers(clip: CLIP) -> tuple[str, ...]:
    """CLIPasso's layer2 and layer3 of a residual network; the blocks at a third and two thirds of a transformer."""
    if not is_transformer(clip):
        return "layer2", "layer3"
    blocks = layer_names(clip)
    return blocks[len(blocks) // 3], blocks[2 * len(blocks) // 3]
