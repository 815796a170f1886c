"""The loss of a latent mapper: CLIP, identity and the size of its step (StyleCLIP, equation 4).

With a goal or a prior from samples, the CLIP loss and the L2 loss are those of `methods/optimize.py` with these.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.losses import clip_and_identity_features, directional_target, loss_resolution_px, similarity
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt, delta_t, encode, target_probability
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.stylespace.sample_settings import prior_step, settings_goal
from styleclip.stylespace.statistics import StepBasis, whitening_basis
from styleclip.training.mapper.data import SourceBatch
from styleclip.training.mapper.settings import MapperTraining


class MapperLosses:
    """The losses of the steps of several mappers; the texts of all prompts are encoded once.

    `goals` has the goal of every prompt, None where the settings do not use samples; `on_step` hears of samples that
    are rendered for them.
    """

    def __init__(
        self, models: Models, prompts: Sequence[Prompt], training: MapperTraining, on_step: OnStep = ignore
    ) -> None:
        self.models, self.training, self.graphs = models, training, Graphs()
        self.resolution = loss_resolution_px(models.generator, models.clip, training.loss_resolution)
        self.targets = torch.stack(  # [P, 1, D]
            [encode(models.clip, [prompt.target], training.text) for prompt in prompts]
        )
        self.classes = [  # [T, D] of each prompt: the target, then the neutral texts
            encode(models.clip, prompt.texts, training.text) for prompt in prompts
        ]
        directional = training.clip_loss == "directional"
        deltas = [delta_t(models.clip, prompt, training.text) for prompt in prompts] if directional else []
        self.deltas = torch.stack(deltas)[:, None] if deltas else None  # [P, 1, D]
        self.goals = [settings_goal(models, prompt, training, on_step) for prompt in prompts]
        self.basis = _step_basis(models, training) if any(self.goals) else None

    def __call__(self, source: SourceBatch, steps: Tensor, active: Sequence[int]) -> dict[str, Tensor]:
        """Losses and scores [A, n] of the steps [A, n, ...] that the mappers of the A active prompts take.

        `loss` is the weighted sum of `clip` (1 - cosine), `l2` (mean square of the step, or squared distance from the
        prior) and 1 - `identity` (cosine, where it has a weight); `target` is CLIP's probability of the target against
        the neutral texts, or with samples the least probability of a claim.
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
        terms = {
            "clip": 1 - similarity(images, self._clip_targets(source, active)),
            "l2": self._l2(source, steps, active),
        }
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
        return torch.stack([self._probability(each, i) for each, i in zip(features, active, strict=True)])

    def _probability(self, features: Tensor, prompt: int) -> Tensor:
        goal = self.goals[prompt]
        if goal is not None:
            return goal.shown(features)
        return target_probability(self.models.clip, features, self.classes[prompt])

    def _clip_targets(self, source: SourceBatch, active: Sequence[int]) -> Tensor:
        """The CLIP features that the edited images are to have: [A, n or 1, D]."""
        prompts = list(active)
        goals = [goal for i in prompts if (goal := self.goals[i])]
        if self.training.goal == "samples":
            return torch.stack([goal.target(source.clip_features) for goal in goals])
        if self.deltas is None:
            return self.targets[prompts]
        return directional_target(source.clip_features, self.deltas[prompts], self.training.reach)

    def prior(self, features: Tensor, prompt: int) -> Tensor:
        """The step of the samples for unit features [n, D], in whitened coordinates: [n, C], in W+ [n, 1, w_dim]."""
        goal, basis = self.goals[prompt], self.basis
        if goal is None or basis is None:
            raise ValueError("these settings make neither goal nor prior of samples")
        return prior_step(goal, features, basis, Space(self.training.space))

    def squared_distance(self, steps: Tensor, prior: Tensor) -> Tensor:
        """Squared whitened length of `step - prior`: of steps [.., C] in S; in W+ [.., L, w_dim] its mean over L."""
        if self.basis is None:
            raise ValueError("these settings make neither goal nor prior of samples")
        squares = (self.basis.coordinates(steps) - prior).square().sum(dim=-1)
        return squares if Space(self.training.space) is Space.S else squares.mean(dim=-1)

    def _l2(self, source: SourceBatch, steps: Tensor, active: Sequence[int]) -> Tensor:
        if self.training.prior == "source":
            return self._mean_square(steps)
        priors = torch.stack([self.prior(source.clip_features, i) for i in active])
        return self.squared_distance(steps, priors)

    def _mean_square(self, steps: Tensor) -> Tensor:
        """The mean square of every step; in style space the sum of those of its layers, as published: [A, n]."""
        if Space(self.training.space) is Space.W_PLUS:
            return steps.square().flatten(2).mean(dim=2)
        layers = self.models.generator.layout.split(steps.flatten(0, 1)).values()
        return torch.stack([layer.square().mean(dim=1) for layer in layers]).sum(dim=0).unflatten(0, steps.shape[:2])


def _step_basis(models: Models, training: MapperTraining) -> StepBasis:
    """The standard deviations of the samples; in S without those of toRGB channels, unless these may move."""
    generator, space = models.generator, Space(training.space)
    basis = whitening_basis(generator, space).basis
    if space is Space.S and not training.torgb:
        basis = basis * ~generator.layout.torgb_mask().to(basis.device)
    return StepBasis(basis)
