"""What a mapper is asked for: agreement with the text, the same person, a small step."""

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
    """The losses of edited latents for several prompts at once, whose texts are encoded here, once."""

    def __init__(self, models: Models, prompts: Sequence[Prompt], training: MapperTraining) -> None:
        self.models, self.training = models, training
        self.side, self.graphs = loss_resolution_px(models.generator, models.clip, training.loss_resolution), Graphs()
        texts = [encode(models.clip, [prompt.target], training.text) for prompt in prompts]
        self.texts = torch.stack(texts)  # [P, 1, D]
        self.choices = [  # [T, D] of each prompt: the target, then the neutral texts
            encode(models.clip, [prompt.target, *prompt.neutrals], training.text) for prompt in prompts
        ]
        directional = training.clip_loss == "directional"
        moves = [delta_t(models.clip, prompt, training.text) for prompt in prompts] if directional else []
        self.moves = torch.stack(moves)[:, None] if moves else None  # [P, 1, D]

    def __call__(self, source: SourceBatch, steps: Tensor, active: Sequence[int]) -> dict[str, Tensor]:
        """Losses and scores [A, n] of the steps [A, n, ...] that the mappers of the A active prompts take.

        `loss` is their weighted sum; `clip` is 1 - cosine, `target` CLIP's probability of the target against the
        neutral texts, `identity` the cosine of the recogniser, where it counts.
        """
        generator, clip = self.models.generator, self.models.clip
        identity = None if source.person is None else self.models.identity

        def look(edited: Tensor) -> tuple[Tensor, ...]:
            image = generator(Latent(source.latent.space, edited), resolution=self.side)
            seen, person = clip_and_identity_features(image, clip, identity)
            return (seen,) if person is None else (seen, person)

        edited = (source.latent.data + steps).flatten(0, 1).to(generator.w_avg.dtype)
        seen = self.graphs("clip" if identity is None else "clip and identity", look, edited)
        pictures, *people = (each.unflatten(0, steps.shape[:2]) for each in seen)
        parts = {"clip": 1 - similarity(pictures, self._goals(source, active)), "l2": self._size(steps)}
        loss = (self.training.lambda_clip or 0.0) * parts["clip"] + (self.training.lambda_l2 or 0.0) * parts["l2"]
        if people and source.person is not None:
            parts["identity"] = similarity(people[0], source.person)
            loss = loss + (self.training.lambda_id or 0.0) * (1 - parts["identity"])
        return {"loss": loss, **parts, "target": self.target(pictures.detach(), active)}

    def target(self, features: Tensor, active: Sequence[int]) -> Tensor:
        """How sure CLIP is of the target, from features [A, n, D]: [A, n] in 0..1."""
        each = [
            target_probability(self.models.clip, own, self.choices[i]) for own, i in zip(features, active, strict=True)
        ]
        return torch.stack(each)

    def unedited(self, source: SourceBatch, active: Sequence[int]) -> dict[str, Tensor]:
        """`clip` and `target` [A, n] of the pictures as they are."""
        features = source.features.expand(len(active), -1, -1)
        return {
            "clip": 1 - similarity(features, self._goals(source, active)),
            "target": self.target(features, active),
        }

    def _goals(self, source: SourceBatch, active: Sequence[int]) -> Tensor:
        """The features the pictures should have: [A, n or 1, D]."""
        chosen = list(active)
        if self.moves is None:
            return self.texts[chosen]
        return directional_target(source.features, self.moves[chosen], self.training.reach or 0.0)

    def _size(self, steps: Tensor) -> Tensor:
        """The mean square of every step; in style space the sum of those of its layers, as published: [A, n]."""
        if self.training.latent_space is Space.W_PLUS:
            return steps.square().flatten(2).mean(dim=2)
        layers = self.models.generator.layout.split(steps.flatten(0, 1)).values()
        return torch.stack([layer.square().mean(dim=1) for layer in layers]).sum(dim=0).unflatten(0, steps.shape[:2])
