"""Editor 1: latent optimization with a CLIP, an L2 and an identity loss (StyleCLIP, section 4)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
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
from styleclip.methods.restarts import RunTracker, restart_noise
from styleclip.methods.settings import OptimizeSettings
from styleclip.models import Models
from styleclip.networks.batch_size import OPTIMIZE, max_batch
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt, delta_t, encode
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.runtime.gradients import with_gradients
from styleclip.schedules import projector_schedule
from styleclip.settings import check_limits, resolve
from styleclip.stylespace.class_means import SampleGoal
from styleclip.stylespace.sample_settings import prior_step, settings_goal, uses_samples
from styleclip.stylespace.statistics import StepBasis, whitening_basis

RESTART_NOISE = 0.1  # standard deviation of the first step of every restart but the first
Results = Callable[[], tuple[Tensor, Tensor]]  # the loss [restarts, N] of what is kept, and the latents
Losses = Callable[[Latent, Tensor, Tensor], dict[str, Tensor]]  # (latent, distance from the prior, image [B]) -> [B]


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

        The CLIP and identity losses of the edit are no higher than those of the source; where no step achieves that,
        the source itself is returned.
        Restarts run side by side, as many at a time as fit into a batch. A step reports for every image the restart
        with the lowest loss; `total` counts the steps of one batch of restarts after the other.
        """
        return self.edit_with_details(models, latent, prompt, on_step)[0]

    def reads_claims(self, models: Models) -> bool:
        """Whether goal or prior are made of samples."""
        return uses_samples(self.resolve(models))

    @property
    def details(self) -> dict[str, Any]:
        """Nothing is known before the edit."""
        return {}

    def edit_with_details(
        self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore
    ) -> tuple[Latent, dict[str, Any]]:
        """The edited latent; with a goal or a prior from samples, how the prompt was understood, and what each image
        showed before."""
        return self.resolve(models)._run_restarts(models, latent, prompt, on_step)

    @with_gradients
    def _run_restarts(
        self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep
    ) -> tuple[Latent, dict[str, Any]]:
        source, basis = self._source(models, latent), self._step_basis(models)
        side = loss_resolution_px(models.generator, models.clip, self.loss_resolution)
        goal = settings_goal(models, prompt, self, on_step)
        features = _Features(models, source.space, side, self._identity(models))
        with torch.no_grad():
            of_source = features(source.data)
            target = self._clip_target(models, of_source[0], prompt, goal)
        losses, prior = self._losses(of_source, features, target), self._prior(source, of_source[0], basis, goal)
        source_loss = 1 - similarity(of_source[0], target)  # [N]; its identity loss is 0
        batches = Batches(max(1, max_batch(models.generator, OPTIMIZE, side) // len(source)))

        done: list[tuple[Tensor, Tensor]] = []  # the results of whole batches of restarts

        def best(*unfinished: tuple[Tensor, Tensor]) -> Latent:
            loss, data = (torch.cat(values) for values in zip(*done, *unfinished, strict=True))  # [restarts, N, ...]
            return Latent(source.space, data[loss.argmin(dim=0), torch.arange(len(source))])

        def run(restarts: range) -> tuple[Tensor, Tensor]:
            batch, count = restarts.start // batches.size, math.ceil(self.restarts / batches.size)

            def report(step: int, tracker: RunTracker, results: Results) -> None:
                values, latents = tracker.best_run_per_image()
                index, total = batch * self.steps + step + 1, count * self.steps
                on_step(Step(index, total, values, latents, kept=lambda: best(results())))

            tracker = RunTracker(source, len(restarts), self.patience, source_loss)
            return self._minimize(tracker, basis, prior, losses, restarts, report)

        for results in batches(run, range(self.restarts)):
            done.append(results)
        return best(), {} if goal is None else goal.details(of_source[0])

    def _source(self, models: Models, latent: Latent) -> Latent:
        """Where every run starts: the latent in the space that is optimized, or the average w."""
        generator, space = models.generator, Space(self.space)
        if self.start == "mean":
            latent = Latent(Space.W, generator.w_avg.expand(len(latent), -1))
        with torch.no_grad():
            return Latent(space, generator.to_space(latent, space).data.clone())

    def _step_basis(self, models: Models) -> StepBasis:
        """The basis of the steps: standard deviations of the samples, or ones. In S, toRGB channels stay at the
        source, unless the prior moves them."""
        generator, space = models.generator, Space(self.space)
        if self.coordinates == "whitened":
            basis = whitening_basis(generator, space).basis
        else:
            basis = torch.ones(generator.layout.size if space is Space.S else 1, device=models.device)
        if space is Space.S and self.prior == "source":
            basis = basis * ~generator.layout.torgb_mask().to(models.device)
        return StepBasis(basis)

    def _identity(self, models: Models) -> FaceRecogniser | None:
        return models.identity if self.lambda_id and self.start == "latent" else None

    def _clip_target(self, models: Models, source: Tensor, prompt: Prompt, goal: SampleGoal | None) -> Tensor:
        """The unit features [N, D] that the edited images are to have, for the features of the source [N, D]."""
        if self.goal == "samples" and goal is not None:
            return goal.target(source)
        target = encode(models.clip, [prompt.target], self.text)  # alone: its last bit depends on the texts beside it
        if self.clip_loss == "directional":
            target = directional_target(source, delta_t(models.clip, prompt, self.text), self.reach)
        return target.expand(len(source), -1)

    def _prior(self, source: Latent, features: Tensor, basis: StepBasis, goal: SampleGoal | None) -> Tensor:
        """The step from which the L2 distance is measured and every run starts, in coordinates of the basis."""
        like = source.data[:, :1] if self.layers == "tied" and source.space is Space.W_PLUS else source.data
        if self.prior == "source" or goal is None:
            return torch.zeros_like(like)
        return prior_step(goal, features, basis, source.space).expand_as(like)

    def _losses(self, of_source: tuple[Tensor, ...], features: _Features, target: Tensor) -> Losses:
        """The weighted losses of edited latents; features of the source and of the text are computed once, before."""

        def losses(latent: Latent, distance: Tensor, image: Tensor) -> dict[str, Tensor]:
            of_clip, *faces = features.replay(latent.data)
            terms = {"clip": 1 - similarity(of_clip, target[image])}
            if self.lambda_l2 and self.start == "latent":
                terms["l2"] = self.lambda_l2 * distance.square().flatten(1).sum(dim=1)
            for face, source_face in zip(faces, of_source[1:], strict=True):  # one, or none without a recogniser
                terms["identity"] = self.lambda_id * (1 - similarity(face, source_face[image]))
            return terms

        return losses

    def _minimize(
        self,
        tracker: RunTracker,
        basis: StepBasis,
        prior: Tensor,
        losses: Losses,
        restarts: range,
        report: Callable[[int, RunTracker, Results], None],
    ) -> tuple[Tensor, Tensor]:
        """Restarts of Adam side by side: the loss [restarts, N] of what is kept of each for every image, and the
        latents."""
        generators = [torch.Generator().manual_seed(self.seed + restart) for restart in restarts]
        first = restart_noise(generators, [RESTART_NOISE if restart else 0.0 for restart in restarts], prior)
        step = (first + prior.repeat(len(restarts), *[1] * (prior.ndim - 1))).requires_grad_(True)
        optimizer = torch.optim.Adam([step], lr=self.lr)
        source = tracker.source

        def render(rows: Tensor, noise: Tensor | float) -> tuple[Latent, dict[str, Tensor]]:
            """The latents of these rows and their losses."""
            images = rows % len(source)
            latent = Latent(source.space, source.data[images] + basis.offset(step[rows] + noise))
            terms = losses(latent, step[rows] - prior[images], images)
            return latent, {"loss": torch.stack([*terms.values()]).sum(dim=0), **terms}

        def results() -> tuple[Tensor, Tensor]:
            """What is kept; rows that end under noise are rendered once more without it."""
            if len(rows := tracker.explored.nonzero()[:, 0]):
                latent, terms = render(rows, 0.0)
                tracker.keep(rows, {name: values.detach() for name, values in terms.items()}, latent.data.detach())
            return tracker.results()

        for i in range(self.steps):
            # Render the rows that have not stopped, with noise that fades.
            scale = self.explore * max(0.0, 1 - i / (0.75 * self.steps)) ** 2
            noise = restart_noise(generators, [(1 + restart) * scale for restart in restarts], prior)
            latent, terms = render(tracker.rows, noise[tracker.rows])
            loss = terms["loss"]
            if not loss.isfinite().all():
                raise NumericError(f"the loss became {loss.max().item()} at step {i}; lower --lr or --lambda-l2")
            # Keep the best, report, stop early.
            tracker.update({name: v.detach() for name, v in terms.items()}, latent.data.detach(), explored=scale > 0)
            report(i, tracker, results)
            if i + 1 == self.steps or not len(tracker.rows):
                break
            # Adam.
            optimizer.param_groups[0]["lr"] = self.lr * projector_schedule(i / self.steps)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return results()


class _Features:
    """CLIP's unit features of the images of latents in a space and, where there is a recogniser, those of the face."""

    def __init__(self, models: Models, space: Space, side: int, recogniser: FaceRecogniser | None) -> None:
        self.models, self.space, self.side, self.recogniser = models, space, side, recogniser
        self.graphs = Graphs()

    def __call__(self, data: Tensor) -> tuple[Tensor, ...]:
        image = self.models.generator(Latent(self.space, data), resolution=self.side)
        of_clip, of_face = clip_and_identity_features(image, self.models.clip, self.recogniser)
        return (of_clip,) if of_face is None else (of_clip, of_face)

    def replay(self, data: Tensor) -> tuple[Tensor, ...]:
        """The same; on a GPU as a CUDA graph."""
        found: tuple[Tensor, ...] = self.graphs("features", self, data)
        return found
