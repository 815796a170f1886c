"""Faces to edit: what they show, and what their ideal edit changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.demo.captions import Claims
from styleclip.demo.ideal import ideal_z
from styleclip.demo.judge import Judge, Verdict
from styleclip.demo.render import background_mask, render
from styleclip.demo.world import faces
from styleclip.evaluate.demo_world.verdicts import shown_claims
from styleclip.evaluate.pixels import LEVELS, erode
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.seeds import sample_z

UNCHANGED = 1.0  # pixels that the ideal edit changes by less than this are left alone by it, in 1/255


@dataclass(frozen=True)
class Portraits:
    """The faces of some seeds, without an edit.

    Args:
        seeds: [N].
        z: [N, 64].
        images: [N, 3, H, W] in [-1, 1], by the generator.
        verdict: the judge's, of `images`.
        drawn: [N, 3, H, W] in [-1, 1], by the renderer.
        background: [N, H, W] bool, the pixels of `drawn` that show nothing but background.
    """

    seeds: Tensor
    z: Tensor
    images: Tensor
    verdict: Verdict
    drawn: Tensor
    background: Tensor

    @staticmethod
    def of(models: Models, judge: Judge, seeds: Sequence[int]) -> Portraits:
        z = sample_z(seeds, models.generator.config.z_dim)
        images = models.render(Latent(Space.Z, z.to(models.device))).float().cpu().clamp(-1, 1)
        people, resolution = faces(z), models.generator.resolution
        drawn, background = render(people, resolution), background_mask(people, resolution)
        return Portraits(torch.tensor(list(seeds)), z, images, judge.predict(images), drawn, background)

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows: Tensor | slice) -> Portraits:
        verdict = {name: probabilities[rows] for name, probabilities in self.verdict.items()}
        images, drawn, background = self.images[rows], self.drawn[rows], self.background[rows]
        return Portraits(self.seeds[rows], self.z[rows], images, verdict, drawn, background)

    def lacking(self, claims: Claims) -> Portraits:
        """Those in whose pictures the judge misses a claim."""
        return self[~torch.stack([*shown_claims(self.verdict, claims).values()]).all(dim=0)]


@dataclass(frozen=True)
class Task:
    """Faces that lack a claim, and their ideal edit.

    Args:
        claims: attribute -> state.
        source: the faces before the edit.
        ideal: [N, 3, H, W] in [-1, 1], the generator's picture of the ideal edit.
        background: [N, H, W] bool, background both before and after the ideal edit, without the pixels at its edge.
        still: [N, H, W] bool, the pixels that the ideal edit leaves alone in the renderer's picture, without the edge.
    """

    claims: Claims
    source: Portraits
    ideal: Tensor
    background: Tensor
    still: Tensor

    @staticmethod
    def of(source: Portraits, claims: Claims, ideal: Tensor) -> Task:
        people, resolution = faces(ideal_z(source.z, claims)), source.drawn.shape[-1]
        change = (render(people, resolution) - source.drawn).abs().amax(dim=1) * LEVELS
        background = source.background & background_mask(people, resolution)
        return Task(claims, source, ideal, erode(background), erode(change < UNCHANGED))
