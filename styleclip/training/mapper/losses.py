"""The loss of a latent mapper: CLIP, identity and the size of its step (StyleCLIP, equation 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.losses import clip_and_identity_features, directional_target, loss_resolution_px, similarity
from styleclip.models import Models
from styleclip.prompts import Prompt, delta_t, encode, target_probability
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.training.mapper.data import SourceBatch
from styleclip.training.mapper.settings import MapperTraining


class MapperLosses:
    """The losses of the steps of several mappers; the texts of all prompts are encoded once."""

    def __init__(self, models: Models, prompts: Sequence[Prompt], training: MapperTraining) -> None:
        self.models, self.training, self.graphs = models, training, Graphs()
        self.resolution = loss_resolution_px(models.generator, models.clip, training.loss_resolution)
        self.targets = torch.stack(  # [P, 1, D]
            [encode(models.clip, [prompt.target], training.text) for prompt in prompts]
        )
        self.classes = [  # [T, D] of each prompt: the target, then the neutral texts
            encode(models.clip, [prompt.target, *prompt.neutrals], training.text) for prompt in prompts
        ]
        directional = training.clip_loss == "directional"
        deltas = [delta_t(models.clip, prompt, training.text) for prompt in prompts] if directional else []
        self.deltas = torch.stack(deltas)[:, None] if deltas else None  # [P, 1, D]

    def __call__(self, source: SourceBatch, steps: Tensor, active: Sequence[int]) -> dict[str, Tensor]:
        """Losses and scores [A, n] of the steps [A, n, ...] that the mappers of the A active prompts take.

        `loss` is the weighted sum of `clip` (1 - cosine), `l2` (mean square of the step) and 1 - `identity` (cosine,
        where it has a weight); `target` is CLIP's probability of the target against the neutral texts.
        """
        training, clip, generator = self.training, self.models.clip, self.models.generator
        recogniser = None if source.identity_features is None else self.models.identity

        def features(edited: Tensor) -> tuple[Tensor, ...]:
            image = generator(Latent(source.latent.space, edited), resolution=self.resolution)
            clip_features, identity_features = clip_and_identity_features(image, clip, recogniser)
            return (clip_features,) if identity_features is None else (clip_features, identity_features)

        edited = (source.latent.data + steps).flatten(0, 1).to(generator.w_avg.dtype)
        name = "clip" if recogniser is None else "clip and identity"
        images, *people = (each.unflatten(0, steps.shape[:2]) for each in self.graphs(name, features, edited))
        terms = {"clip": 1 - similarity(images, self._clip_targets(source, active)), "l2": self._mean_square(steps)}
        loss = training.lambda_clip * terms["clip"] + training.lambda_l2 * terms["l2"]
        if people and source.identity_features is not None:
            terms["identity"] = similarity(people[0], source.identity_features)
            loss = loss + training.lambda_id * (1 - terms["identity"])
        return {"loss": loss, **terms, "target": self._target_probability(images.detach(), active)}

    def baseline(self, source: SourceBatch, active: Sequence[int]) -> dict[str, Tensor]:
        """`clip` and `target` [A, n] of the images before the edit."""
        features = source.clip_features.expand(len(active), -1, -1)
        return {
            "clip": 1 - similarity(features, self._clip_targets(source, active)),
            "target": self._target_probability(features, active),
        }

    def _target_probability(self, features: Tensor, active: Sequence[int]) -> Tensor:
        """CLIP's probability of the target text, from features [A, n, D]: [A, n]."""
        pairs = zip(features, active, strict=True)
        return torch.stack([target_probability(self.models.clip, each, self.classes[i]) for each, i in pairs])

    def _clip_targets(self, source: SourceBatch, active: Sequence[int]) -> Tensor:
        """The CLIP features that the edited images are to have: [A, n or 1, D]."""
        prompts = list(active)
        if self.deltas is None:
            return self.targets[prompts]
        return directional_target(source.clip_features, self.deltas[prompts], self.training.reach)

    def _mean_square(self, steps: Tensor) -> Tensor:
        """The mean square of every step; in style space the sum of those of its layers, as published: [A, n]."""
        if Space(self.training.space) is Space.W_PLUS:
            return steps.square().flatten(2).mean(dim=2)
        layers = self.models.generator.layout.split(steps.flatten(0, 1)).values()
        return torch.stack([layer.square().mean(dim=1) for layer in layers]).sum(dim=0).unflatten(0, steps.shape[:2])
