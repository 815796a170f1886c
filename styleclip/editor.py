"""The object a person holds: sample, render, edit."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.methods.base import Method, OnStep
from styleclip.models.bundle import Models
from styleclip.models.stylegan2 import Noise
from styleclip.prompts import Prompt, encode, warn_unknown_words
from styleclip.records import Step, ignore, versions
from styleclip.results import EditResult


class Editor:
    """Samples latents, renders them and edits them with a method; everything on the device of the models."""

    def __init__(self, models: Models) -> None:
        self.models = models

    @torch.no_grad()
    def sample(self, seed: int | None = None, seeds: Sequence[int] = (0,), psi: float = 1.0) -> Latent:
        """W+ of one seed or several; a seed gives the same latent on every machine and in every batch.

        `psi` below 1 pulls towards the average face (truncation, StyleGAN appendix B).
        """
        generator = self.models.generator
        drawn = [_normal(one, generator.config.z_dim) for one in (seeds if seed is None else (seed,))]
        latent = Latent(Space.Z, torch.stack(drawn).to(self.models.device))
        return generator.to_space(generator.truncate(latent, psi), Space.W_PLUS)

    @torch.no_grad()
    def render(self, latent: Latent, noise: Noise = "const") -> Tensor:
        """Images [N, 3, H, W], nominally in [-1, 1]."""
        return self.models.generator(latent.to(self.models.device), noise)

    def edit(self, latent: Latent, prompt: Prompt | str, method: Method, on_step: OnStep = ignore) -> EditResult:
        """Edit a latent towards a text. Ctrl-C on the way keeps the best latent so far (`result.interrupted`).

        Raises NumericError instead of returning a picture with NaN in it.
        """
        prompt = Prompt(prompt) if isinstance(prompt, str) else prompt
        warn_unknown_words(self.models.clip, prompt)
        latent, best, started = latent.to(self.models.device), _Best(on_step), time.perf_counter()
        try:
            edited, interrupted = method(self.models, latent, prompt, best), False
        except KeyboardInterrupt:
            edited, interrupted = best.latent or latent, True
        seconds = time.perf_counter() - started
        before, after = self.render(latent), self.render(edited)
        if not after.isfinite().all():
            raise NumericError("the edited picture is not finite; lower the strength of the edit")
        return EditResult(
            prompt=prompt.target,
            neutral=prompt.neutral,
            method=method.name,
            settings=method.settings(self.models),
            before=before,
            after=after,
            source=latent,
            edited=edited,
            scores=self._scores(before, after, prompt),
            seconds=seconds,
            provenance={"versions": versions(), **self.models.provenance},
            interrupted=interrupted,
        )

    @torch.no_grad()
    def _scores(self, before: Tensor, after: Tensor, prompt: Prompt) -> list[dict[str, float]]:
        """For every image: cosine with the text before and after, and how much of the person is left."""
        clip, identity = self.models.clip, self.models.identity
        text = encode(clip, [prompt.target])
        scores = {
            f"clip_{name}": similarity(clip.encode_image(x), text) for name, x in (("before", before), ("after", after))
        }
        if identity is not None:
            scores["identity"] = similarity(identity.embed(before), identity.embed(after))
        return [{name: round(values[i].item(), 4) for name, values in scores.items()} for i in range(len(before))]


def _normal(seed: int, size: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


class _Best:
    """Passes steps on and remembers the latent of the one with the lowest loss."""

    def __init__(self, on_step: OnStep) -> None:
        self.on_step, self.loss = on_step, float("inf")
        self.latent: Latent | None = None

    def __call__(self, step: Step) -> None:
        if step.losses["loss"] < self.loss:
            self.loss, self.latent = step.losses["loss"], step.latent
        self.on_step(step)
