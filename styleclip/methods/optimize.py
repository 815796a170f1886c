"""Editor 1: optimize one latent per image until CLIP agrees with the text (StyleCLIP, section 4)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent, Space
from styleclip.losses import clip_loss, directional_goal, identity_loss
from styleclip.models.bundle import Models
from styleclip.prompts import Prompt, TextEncoding, delta_t, encode
from styleclip.records import OnStep, Step, ignore
from styleclip.settings import check_settings
from styleclip.stylespace.whitening import Coordinates, whitened

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
MOVES = 1e-4  # a loss that falls by less than this within `patience` steps does not move


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
        """The edited latent, in W+ or S. Raises NumericError when the loss becomes NaN or infinite."""
        settled = dataclasses.replace(self, **self.settings(models))
        source = settled._source(models, latent)
        objective = settled._objective(models, source, prompt)
        coordinates = settled._coordinates(models)
        count = settled.restarts or 1
        runs = [settled._descend(source, coordinates, objective, run, on_step) for run in range(count)]
        losses = torch.stack([loss for loss, _ in runs])  # [restarts, N]
        data = torch.stack([edited for _, edited in runs])
        return Latent(source.space, data[losses.argmin(dim=0), torch.arange(len(source))])

    def _source(self, models: Models, latent: Latent) -> Latent:
        """Where every run starts: the latent in the space that is optimized, or the average w."""
        generator, space = models.generator, Space(self.space)
        if self.start == "mean":
            latent = Latent(Space.W, generator.w_avg.expand(len(latent), -1))
        with torch.no_grad():
            return Latent(space, generator.to_space(latent, space).data.clone())

    def _coordinates(self, models: Models) -> Coordinates:
        generator, space = models.generator, Space(self.space)
        if self.coordinates == "whitened":
            basis = whitened(generator, space).basis
        else:
            basis = torch.ones(generator.layout.size if space is Space.S else 1, device=models.device)
        if space is Space.S:
            basis = basis * ~generator.layout.torgb_mask().to(models.device)
        return Coordinates(basis)

    def _objective(
        self, models: Models, source: Latent, prompt: Prompt
    ) -> Callable[[Latent, Tensor], dict[str, Tensor]]:
        """The weighted losses [N] of an edited latent and its step; whatever does not change is computed here, once."""
        edits = self.start == "latent"
        with torch.no_grad():
            before = models.generator(source)
            goal = encode(models.clip, [prompt.target], self.text)
            if self.clip_loss == "directional":
                moved = delta_t(models.clip, prompt, self.text)
                goal = directional_goal(models.clip.encode_image(before), moved, self.reach or 0.0)
            identity = models.identity if self.lambda_id and edits else None
            person = identity.embed(before) if identity else None

        def losses(latent: Latent, step: Tensor) -> dict[str, Tensor]:
            image = models.generator(latent)
            parts = {"clip": clip_loss(models.clip, image, goal)}
            if self.lambda_l2 and edits:
                parts["l2"] = self.lambda_l2 * step.square().flatten(1).sum(dim=1)
            if identity and person is not None:
                parts["identity"] = (self.lambda_id or 0.0) * identity_loss(identity, image, person)
            return parts

        return losses

    def _descend(
        self,
        source: Latent,
        coordinates: Coordinates,
        objective: Callable[[Latent, Tensor], dict[str, Tensor]],
        run: int,
        on_step: OnStep,
    ) -> tuple[Tensor, Tensor]:
        """One run of Adam: the lowest loss [N] that each image reached, and its latent then."""
        tied = self.layers == "tied" and source.space is Space.W_PLUS
        step = torch.zeros_like(source.data[:, :1] if tied else source.data)
        random = torch.Generator().manual_seed(self.seed + run)  # one draw for the batch: neighbours do not matter
        if run:
            step += 0.1 * torch.randn(step.shape[1:], generator=random).to(step)
        step.requires_grad_(True)
        optimizer = torch.optim.Adam([step], lr=self.lr or 0.0)
        lowest, best = torch.full((len(source),), torch.inf, device=step.device), source.data.clone()
        steps, watched, since = self.steps or 0, torch.inf, 0
        for i in range(steps):
            noise = (1 + run) * (self.explore or 0.0) * max(0.0, 1 - i / (0.75 * steps)) ** 2
            shaken = step + noise * torch.randn(step.shape[1:], generator=random).to(step)
            latent = Latent(source.space, source.data + coordinates.offset(shaken))
            parts = objective(latent, step)
            loss = torch.stack([*parts.values()]).sum(dim=0)  # [N]
            if not loss.isfinite().all():
                raise NumericError(f"the loss became {loss.max().item()} at step {i}; lower --lr or --lambda-l2")
            better = loss < lowest
            lowest, best = torch.where(better, loss, lowest).detach(), best.clone()
            best[better] = latent.data.detach()[better]
            values = {name: part.mean().item() for name, part in parts.items()}
            done, total = run * steps + i + 1, (self.restarts or 1) * steps
            on_step(Step(done, total, {"loss": loss.mean().item(), **values}, latent.detach()))
            mean = lowest.mean().item()
            watched, since = (mean, 0) if mean < watched - MOVES else (watched, since + 1)
            if since >= self.patience:
                break
            optimizer.param_groups[0]["lr"] = (self.lr or 0.0) * schedule(i / steps)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return lowest, best


def schedule(t: float) -> float:
    """The learning rate at time t of 0 to 1: a linear rise over 5 %, a cosine fall over the last 25 %."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / 0.25))
    return fall * min(1.0, t / 0.05)
