"""Editor 1: latent optimization with a CLIP, an L2 and an identity loss (StyleCLIP, section 4)."""

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

RESTART_NOISE = 0.1  # standard deviation of the first step of every restart but the first
Losses = Callable[[Latent, Tensor, Tensor], dict[str, Tensor]]  # (latent, step, image [B] of each row) -> losses [B]


@dataclass(frozen=True)
class Optimize(OptimizeSettings):
    """Latent optimization: `loss = CLIP + lambda_l2 * |step|^2 + lambda_id * (1 - identity)`, by Adam.

    The settings are those of `OptimizeSettings`; one left at None takes the value that suits the generator, else the
    published one. Every image of a batch is optimized on its own: its result does not depend on its neighbours.

    Example:
        result = editor.edit(latent, Prompt("a surprised face"), Optimize(steps=100, lambda_l2=0.005))
    """

    name: ClassVar[str] = "optimize"

    def __post_init__(self) -> None:
        check_limits(self)

    def resolve(self, models: Models) -> Optimize:
        """These settings with those filled in that were left open."""
        return resolve(self, models.defaults.get(self.name, {}))

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting with the value it has for these models."""
        return dataclasses.asdict(self.resolve(models))

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in W+ or S. Raises NumericError when the loss becomes NaN or infinite.

        Restarts run side by side, as many at a time as fit into a batch. A step reports for every image the restart
        with the lowest loss; `total` counts the steps of one batch of restarts after the other.
        """
        return self.resolve(models)._run_restarts(models, latent, prompt, on_step)

    def _run_restarts(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep) -> Latent:
        source, basis = self._source(models, latent), self._step_basis(models)
        losses = self._losses(models, source, prompt)
        side = loss_resolution_px(models.generator, models.clip, self.loss_resolution)
        batches = Batches(max(1, max_batch(models.generator, OPTIMIZE, side) // len(source)))

        def run(restarts: range) -> tuple[Tensor, Tensor]:
            batch, count = restarts.start // batches.size, math.ceil(self.restarts / batches.size)

            def report(step: int, tracker: RunTracker) -> None:
                values, latents = tracker.best_run_per_image()
                on_step(Step(batch * self.steps + step + 1, count * self.steps, values, latents))

            return self._minimize(source, basis, losses, restarts, report)

        results = zip(*batches(run, range(self.restarts)), strict=True)
        lowest, data = (torch.cat(values) for values in results)  # [restarts, N], [restarts, N, ...]
        return Latent(source.space, data[lowest.argmin(dim=0), torch.arange(len(source))])

    def _source(self, models: Models, latent: Latent) -> Latent:
        """Where every run starts: the latent in the space that is optimized, or the average w."""
        generator, space = models.generator, Space(self.space)
        if self.start == "mean":
            latent = Latent(Space.W, generator.w_avg.expand(len(latent), -1))
        with torch.no_grad():
            return Latent(space, generator.to_space(latent, space).data.clone())

    def _step_basis(self, models: Models) -> StepBasis:
        """The basis of the steps: standard deviations of the samples, or ones; in S, toRGB channels stay."""
        generator, space = models.generator, Space(self.space)
        if self.coordinates == "whitened":
            basis = whitening_basis(generator, space).basis
        else:
            basis = torch.ones(generator.layout.size if space is Space.S else 1, device=models.device)
        if space is Space.S:
            basis = basis * ~generator.layout.torgb_mask().to(models.device)
        return StepBasis(basis)

    def _losses(self, models: Models, source: Latent, prompt: Prompt) -> Losses:
        """The weighted losses of edited latents; features of the source and of the text are computed once, here."""
        has_source, generator, clip = self.start == "latent", models.generator, models.clip
        recogniser = models.identity if self.lambda_id and has_source else None
        side, graphs = loss_resolution_px(generator, clip, self.loss_resolution), Graphs()

        def features(data: Tensor) -> tuple[Tensor, ...]:
            image = generator(Latent(source.space, data), resolution=side)
            of_clip, of_face = clip_and_identity_features(image, clip, recogniser)
            return (of_clip,) if of_face is None else (of_clip, of_face)

        with torch.no_grad():
            source_clip, *source_faces = features(source.data)
            target = encode(clip, [prompt.target], self.text)
            if self.clip_loss == "directional":
                target = directional_target(source_clip, delta_t(clip, prompt, self.text), self.reach)
            target = target.expand(len(source), -1)  # [N, D]

        def losses(latent: Latent, step: Tensor, image: Tensor) -> dict[str, Tensor]:
            of_clip, *faces = graphs("features", features, latent.data)
            terms = {"clip": 1 - similarity(of_clip, target[image])}
            if self.lambda_l2 and has_source:
                terms["l2"] = self.lambda_l2 * step.square().flatten(1).sum(dim=1)
            for face, source_face in zip(faces, source_faces, strict=True):  # one, or none without a recogniser
                terms["identity"] = self.lambda_id * (1 - similarity(face, source_face[image]))
            return terms

        return losses

    def _minimize(
        self,
        source: Latent,
        basis: StepBasis,
        losses: Losses,
        restarts: range,
        report: Callable[[int, RunTracker], None],
    ) -> tuple[Tensor, Tensor]:
        """Restarts of Adam side by side: the lowest loss [restarts, N] of each for every image, and its latent."""
        tied = self.layers == "tied" and source.space is Space.W_PLUS
        like = source.data[:, :1] if tied else source.data
        generators = [torch.Generator().manual_seed(self.seed + restart) for restart in restarts]
        step = _noise(generators, [RESTART_NOISE if restart else 0.0 for restart in restarts], like).requires_grad_(
            True
        )
        optimizer = torch.optim.Adam([step], lr=self.lr)
        tracker = RunTracker(source, len(restarts), self.patience)
        for i in range(self.steps):
            # Render the rows that have not stopped, with noise that fades.
            scale = self.explore * max(0.0, 1 - i / (0.75 * self.steps)) ** 2
            noise = _noise(generators, [(1 + restart) * scale for restart in restarts], like)
            rows, images = tracker.rows, tracker.images
            latent = Latent(source.space, source.data[images] + basis.offset(step[rows] + noise[rows]))
            terms = losses(latent, step[rows], images)
            loss = torch.stack([*terms.values()]).sum(dim=0)  # [rows]
            if not loss.isfinite().all():
                raise NumericError(f"the loss became {loss.max().item()} at step {i}; lower --lr or --lambda-l2")
            # Keep the best, report, stop early.
            tracker.update({"loss": loss.detach(), **{k: v.detach() for k, v in terms.items()}}, latent.data.detach())
            report(i, tracker)
            if i + 1 == self.steps or not len(tracker.rows):
                break
            # Adam.
            optimizer.param_groups[0]["lr"] = self.lr * projector_schedule(i / self.steps)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return tracker.results()


def _noise(generators: Sequence[torch.Generator], scales: Sequence[float], like: Tensor) -> Tensor:
    """`scale * normal` for every run, the same for all its images: [N, ...] -> [runs * N, ...]; no draw for scale 0."""
    shape, pairs = like.shape[1:], zip(generators, scales, strict=True)
    runs = [scale * torch.randn(shape, generator=each) if scale else torch.zeros(shape) for each, scale in pairs]
    return torch.stack(runs).to(like).repeat_interleave(len(like), dim=0)
