"""Editor 1: optimize one latent per image until CLIP agrees with the text (StyleCLIP, section 4)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent, Space
from styleclip.losses import (
    LossResolution,
    clip_and_identity_features,
    directional_target,
    loss_resolution_px,
    similarity,
)
from styleclip.methods.restarts import RunTracker
from styleclip.models import Models
from styleclip.networks.batch_size import OPTIMIZE, max_batch
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt, TextEncoding, delta_t, encode
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.settings import check_settings
from styleclip.stylespace.whitening import StepBasis, whitening_basis

# The published values, for FFHQ at 1024 px; a generator may come with others (checkpoints/catalog.toml).
PUBLISHED: dict[str, Any] = {
    "steps": 300,
    "lr": 0.1,
    "lambda_l2": 0.008,
    "lambda_id": 0.005,
    "clip_loss": "global",
    "coordinates": "latent",
    "layers": "free",
    "reach": 1.0,
    "explore": 0.0,
    "restarts": 1,
}
Objective = Callable[[Latent, Tensor, Tensor], dict[str, Tensor]]  # (latent, step, image [B] of each row) -> losses [B]


@dataclass(frozen=True)
class Optimize:
    """Latent optimization: `loss = CLIP + lambda_l2 * |step|^2 + lambda_id * (1 - identity)`, by Adam.

    A field left at None takes the value that suits the generator, else the published one. Every image of a batch is
    optimized on its own: its result does not depend on its neighbours.
    """

    steps: int | None = None
    lr: float | None = None  # peak learning rate of Adam
    lambda_l2: float | None = None  # weight of the squared distance from the source
    lambda_id: float | None = None  # weight of the identity loss; 0 never runs the recogniser
    space: Literal["w+", "s"] = "w+"  # in s, toRGB channels stay as they are
    start: Literal["latent", "mean"] = "latent"  # "mean" generates freely from the average w; the L2 and ID terms rest
    clip_loss: Literal["global", "directional"] | None = None
    reach: float | None = None  # length of the directional step in CLIP space
    coordinates: Literal["latent", "whitened"] | None = None  # whitened: steps in standard deviations of the samples
    layers: Literal["free", "tied"] | None = None  # tied: one step for all w of W+, which stays nearer to true samples
    explore: float | None = None  # noise on the step that dies out by 3/4 of the way (StyleGAN2, appendix D)
    text: TextEncoding = "prompt"
    loss_resolution: LossResolution = "auto"
    restarts: int | None = None  # the best of several runs, each perturbed and exploring further than the one before
    patience: int = 50  # stop when the loss has not moved for so many steps
    seed: int = 0  # of the restarts

    name: ClassVar[str] = "optimize"

    def __post_init__(self) -> None:
        weights = ("lr", "lambda_l2", "lambda_id", "reach", "explore")
        check_settings(self, ("steps", "restarts", "patience"), weights)

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting as it will be used with these models."""
        suited = {**PUBLISHED, **models.defaults.get(self.name, {})}
        return {**dataclasses.asdict(self), **{k: v for k, v in suited.items() if getattr(self, k) is None}}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in W+ or S. Raises NumericError when the loss becomes NaN or infinite.

        Restarts go side by side, as many at a time as there is room for. A step tells of every image the run that
        is nearest its goal, and `total` counts what is done one after another.
        """
        settled = dataclasses.replace(self, **self.settings(models))
        source = settled._source(models, latent)
        objective = settled._objective(models, source, prompt)
        coordinates = settled._coordinates(models)
        restarts, steps = range(settled.restarts or 1), settled.steps or 0
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
                goal = directional_target(before, delta_t(clip, prompt, self.text), self.reach or 0.0)
            goal = goal.expand(len(source), -1)  # [N, D]

        def losses(latent: Latent, step: Tensor, of: Tensor) -> dict[str, Tensor]:
            seen, *faces = graphs("look", look, latent.data)
            parts = {"clip": 1 - similarity(seen, goal[of])}
            if self.lambda_l2 and edits:
                parts["l2"] = self.lambda_l2 * step.square().flatten(1).sum(dim=1)
            for face, person in zip(faces, people, strict=True):  # one, or none without a recogniser
                parts["identity"] = (self.lambda_id or 0.0) * (1 - similarity(face, person[of]))
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
        optimizer = torch.optim.Adam([step], lr=self.lr or 0.0)
        tracker, steps = RunTracker(source, len(runs), self.patience), self.steps or 0
        for i in range(steps):
            noise = (self.explore or 0.0) * max(0.0, 1 - i / (0.75 * steps)) ** 2
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
            optimizer.param_groups[0]["lr"] = (self.lr or 0.0) * schedule(i / steps)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return tracker.results()


def _noise(generators: Sequence[torch.Generator], weights: Sequence[float], like: Tensor) -> Tensor:
    """`weight * normal` for every run and the same for all its images, [N, ...] -> [runs * N, ...]; no draw for 0."""
    shape, pairs = like.shape[1:], zip(generators, weights, strict=True)
    drawn = [weight * torch.randn(shape, generator=die) if weight else torch.zeros(shape) for die, weight in pairs]
    return torch.stack(drawn).to(like).repeat_interleave(len(like), dim=0)


def schedule(t: float) -> float:
    """The learning rate at time t of 0 to 1: a linear rise over 5 %, a cosine fall over the last 25 %."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / 0.25))
    return fall * min(1.0, t / 0.05)
