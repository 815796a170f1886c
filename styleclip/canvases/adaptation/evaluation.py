"""What is measured of a child while it is trained: its loss and its diversity on fixed samples, and when it stops.

The visible failure of an adaptation is that all faces become one. Diversity is the mean distance between the images of
all pairs of samples, by LPIPS where its weights are there, else by CLIP; it is told as a share of the parent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from styleclip.canvases.adaptation.losses import AdaptationLoss
from styleclip.canvases.adaptation.settings import Adaptation
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.networks.generator import Generator
from styleclip.prompts import Prompt, zero_shot_probability
from styleclip.runtime.batching import Batches
from styleclip.seeds import sample_z
from styleclip.settings import MAX_MAGNITUDE

SEEDS = range(900_000, 900_012)  # of the fixed samples
PSI = 0.7  # of the fixed samples, as published
MIN_GAIN = {"loss": 0.005, "target": 0.03}  # less is no improvement
PENALTY = 10.0  # of the loss for each unit of diversity below the least


class FixedSamples:
    """The images of fixed latents by the parent, and the scores of a child's images of them."""

    def __init__(self, models: Models, prompt: Prompt, loss: AdaptationLoss, adaptation: Adaptation) -> None:
        self.models, self.prompt, self.loss, self.adaptation = models, prompt, loss, adaptation
        generator = models.generator
        z = sample_z(SEEDS, generator.config.z_dim).to(models.device, generator.w_avg.dtype)
        with torch.no_grad():
            self.latent = generator.truncate(Latent(Space.Z, z), PSI)
        self.parent = self.render(generator)
        self.parent_diversity = diversity(models, self.parent)
        self.target_before = self._target_probability(self.parent)

    @torch.no_grad()
    def render(self, generator: Generator) -> Tensor:
        """The images [N, img_channels, H, W] of the fixed latents."""
        batches = Batches(max_batch(generator, RENDER))
        return torch.cat([*batches(generator, self.latent)])

    @torch.no_grad()
    def evaluate(self, child: Generator) -> dict[str, float]:
        """`loss` decides which child is kept: the directional loss, and a penalty where the diversity is too small.

        `diversity` is a share of the parent's, `target` CLIP's probability of the target against the source text.
        """
        images = self.render(child)
        directional = float(self.loss.directional(images, self.parent))
        share = diversity(self.models, images) / max(self.parent_diversity, 1e-12)
        return {
            "loss": directional + PENALTY * max(0.0, self.adaptation.min_diversity - share),
            "directional": directional,
            "diversity": share,
            "target": self._target_probability(images),
        }

    @torch.no_grad()
    def _target_probability(self, images: Tensor) -> float:
        features = self.models.clip.encode_image(images)
        return float(zero_shot_probability(self.models.clip, features, self.prompt).mean())


@torch.no_grad()
def diversity(models: Models, images: Tensor) -> float:
    """The mean distance between all pairs of images: LPIPS, or without its weights 1 - cosine of CLIP's features."""
    if (perceptual := models.perceptual()) is not None:
        distances = [perceptual.distance(images[i : i + 1], images[j : j + 1]) for i, j in _pairs(len(images))]
        return float(torch.cat(distances).mean())
    features = models.clip.encode_image(images)
    similarities = features @ features.T
    return 1 - float(torch.stack([similarities[i, j] for i, j in _pairs(len(images))]).mean())


def _pairs(count: int) -> list[tuple[int, int]]:
    return [*combinations(range(count), 2)]


class Plateau:
    """Why a training stops, by its evaluations: `patience` of them without an improvement, or too little diversity.

    An improvement is a lower loss or a higher probability of the target.
    """

    def __init__(self, adaptation: Adaptation) -> None:
        self.adaptation = adaptation
        self.lowest, self.highest, self.without_gain = MAX_MAGNITUDE, 0.0, 0

    def __call__(self, step: int, values: Mapping[str, float]) -> str:
        if values["diversity"] < self.adaptation.min_diversity:
            return f"diversity fell to {values['diversity']:.2f} of the parent's"
        is_lower = values["loss"] < self.lowest - MIN_GAIN["loss"]
        is_higher = values["target"] > self.highest + MIN_GAIN["target"]
        self.lowest = values["loss"] if is_lower else self.lowest
        self.highest = values["target"] if is_higher else self.highest
        self.without_gain = 0 if is_lower or is_higher else self.without_gain + 1
        if self.adaptation.patience and self.without_gain >= self.adaptation.patience:
            return f"no improvement in {self.without_gain} measurements"
        return ""

    def state_dict(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "highest": self.highest, "without_gain": self.without_gain}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.lowest, self.highest = float(state["lowest"]), float(state["highest"])
        self.without_gain = int(state["without_gain"])
