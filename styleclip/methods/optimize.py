"""Editor 1: optimize one latent per image until CLIP agrees with the text (StyleCLIP, section 4)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent, Space
from styleclip.losses import (
    clip_and_identity_features,
    directional_target,
    loss_resolution_px,
    similarity,
)
from styleclip.methods.restarts import RunTracker
from styleclip.methods.settings import OptimizeSettings
from styleclip.models import Models
from styleclip.networks.batch_size import OPTIMIZE, max_batch
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt, delta_t, encode
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.schedules import projector_schedule
from styleclip.settings import check_limits, resolve
from styleclip.stylespace.statistics import StepBasis, whitening_basis

Objective = Callable[[Latent, Tensor, Tensor], dict[str, Tensor]]  # (latent, step, image [B] of each row) -> losses [B]


@dataclass(frozen=True)
class Optimize(OptimizeSettings):
    """Latent optimization: `loss = CLIP + lambda_l2 * |step|^2 + lambda_id * (1 - identity)`, by Adam.

    A field left at None takes the value that suits the generator, else the published one. Every image of a batch is
    optimized on its own: its result does not depend on its neighbours.
    """

    name: ClassVar[str] = "optimize"

    def __post_init__(self) -> None:
        check_limits(self)

    def resolve(self, models: Models) -> Optimize:
        """These settings with those filled in that were left open."""
        return resolve(self, models.defaults.get(self.name, {}))

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting as it will be used with these models."""
        return dataclasses.asdict(self.resolve(models))

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in W+ or S. Raises NumericError when the loss becomes NaN or infinite.

        Restarts go side by side, as many at a time as there is room for. A step tells of every image the run that
        is nearest its goal, and `total` counts what is done one after another.
        """
        settled = self.resolve(models)
        source = settled._source(models, latent)
        objective = settled._objective(models, source, prompt)
        coordinates = settled._coordinates(models)
        restarts, steps = range(settled.restarts), settled.steps
        side = loss_resolution_px(models.generator, models.clip, self.loss_resolution)
        parts = Batches(max(1, max_batch(models.generator, OPTIMIZE, side) // len(source)))

        def descend(runs: range) -> tuple[Tensor, Tensor]:
            def tell(step: int, tracker: RunTracker) -> None:
                part, count = runs.start // parts.size, math.ceil(len(restarts) / parts.size)
                losses, stands = tracker.best_run_per_image()
                on_step(Step(part * steps + step + 1, count * steps, losses, stands))

            return settled._descend(source, coordinates, objective, runs, tell)

        reached = list(parts(descend, restarts))
        losses, data = (torch.cat(values) for values in zip(*reached, strict=True))  # [restarts, N], [restarts, N, ...]
        return Latent(source.space, data[losses.argmin(dim=0), torch.arange(len(source))])

    def _source(self, models: Models, latent: Latent) -> Latent:
        """Where every run starts: the latent in the space that is optimized, or the average w."""
        generator, space = models.generator, Space(self.space)
        if self.start == "mean":
            latent = Latent(Space.W, generator.w_avg.expand(len(latent), -1))
        with torch.no_grad():
            return Latent(space, generator.to_space(latent, space).data.clone())

    def _coordinates(self, models: Models) -> StepBasis:
        generator, space = models.generator, Space(self.space)
        if self.coordinates == "whitened":
            basis = whitening_basis(generator, space).basis
        else:
            basis = torch.ones(generator.layout.size if space is Space.S else 1, device=models.device)
        if space is Space.S:
            basis = basis * ~generator.layout.torgb_mask().to(models.device)
        return StepBasis(basis)

    def _objective(self, models: Models, source: Latent, prompt: Prompt) -> Objective:
        """The weighted losses of edited latents; whatever does not change is computed here, once."""
        edits, generator, clip = self.start == "latent", models.generator, models.clip
        identity = models.identity if self.lambda_id and edits else None
        side, graphs = loss_resolution_px(generator, clip, self.loss_resolution), Graphs()

        def look(data: Tensor) -> tuple[Tensor, ...]:
            image = generator(Latent(source.space, data), resolution=side)
            seen, person = clip_and_identity_features(image, clip, identity)
            return (seen,) if person is None else (seen, person)

        with torch.no_grad():
            before, *people = look(source.data)
            goal = encode(clip, [prompt.target], self.text)
            if self.clip_loss == "directional":
                goal = directional_target(before, delta_t(clip, prompt, self.text), self.reach)
            goal = goal.expand(len(source), -1)  # [N, D]

        def losses(latent: Latent, step: Tensor, of: Tensor) -> dict[str, Tensor]:
            seen, *faces = graphs("look", look, latent.data)
            parts = {"clip": 1 - similarity(seen, goal[of])}
            if self.lambda_l2 and edits:
                parts["l2"] = self.lambda_l2 * step.square().flatten(1).sum(dim=1)
            for face, person in zip(faces, people, strict=True):  # one, or none without a recogniser
                parts["identity"] = self.lambda_id * (1 - similarity(face, person[of]))
            return parts

        return losses

    def _descend(
        self,
        source: Latent,
        coordinates: StepBasis,
        objective: Objective,
        runs: range,
        tell: Callable[[int, RunTracker], None],
    ) -> tuple[Tensor, Tensor]:
        """Runs of Adam side by side: the lowest loss [runs, N] each reached for every image, and its latent then."""
        tied = self.layers == "tied" and source.space is Space.W_PLUS
        like = source.data[:, :1] if tied else source.data
        generators = [torch.Generator().manual_seed(self.seed + run) for run in runs]
        step = _noise(generators, [0.1 if run else 0.0 for run in runs], like).requires_grad_(True)
        optimizer = torch.optim.Adam([step], lr=self.lr)
        tracker, steps = RunTracker(source, len(runs), self.patience), self.steps
        for i in range(steps):
            noise = self.explore * max(0.0, 1 - i / (0.75 * steps)) ** 2
            exploration = _noise(generators, [(1 + run) * noise for run in runs], like)
            rows, images = tracker.rows, tracker.images
            offset = coordinates.offset(step[rows] + exploration[rows])
            latent = Latent(source.space, source.data[images] + offset)
            parts = objective(latent, step[rows], images)
            loss = torch.stack([*parts.values()]).sum(dim=0)  # [rows]
            if not loss.isfinite().all():
                raise NumericError(f"the loss became {loss.max().item()} at step {i}; lower --lr or --lambda-l2")
            tracker.update({"loss": loss.detach(), **{k: v.detach() for k, v in parts.items()}}, latent.data.detach())
            tell(i, tracker)
            if i + 1 == steps or not len(tracker.rows):
                break
            optimizer.param_groups[0]["lr"] = self.lr * projector_schedule(i / steps)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return tracker.results()


def _noise(generators: Sequence[torch.Generator], weights: Sequence[float], like: Tensor) -> Tensor:
    """`weight * normal` for every run and the same for all its images, [N, ...] -> [runs * N, ...]; no draw for 0."""
    shape, pairs = like.shape[1:], zip(generators, weights, strict=True)
    drawn = [weight * torch.randn(shape, generator=die) if weight else torch.zeros(shape) for die, weight in pairs]
    return torch.stack(drawn).to(like).repeat_interleave(len(like), dim=0)
