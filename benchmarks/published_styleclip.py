"""StyleCLIP's latent optimization and mapper training as its code does them, for comparison.

No network is frozen, so autograd computes unused gradients of all weights of the generator, CLIP and the recogniser.
Every step encodes the text again, embeds the source image again, and upsamples the edited image 7 times for CLIP. Every
image is convolved with its own weights (published_stylegan2.py). Two differences from the published code save time or
memory: float32 throughout, and no graph is kept of the source image's embedding.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.published_stylegan2 import render
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.schedules import projector_schedule
from styleclip.training.mapper.mapper_state import PromptMapper, new_mapper
from styleclip.training.mapper.settings import MapperTraining


class PublishedRecipe:
    """The losses of both. Makes all weights of `models` trainable."""

    def __init__(self, models: Models, prompt: Prompt) -> None:
        self.models = models
        for network in (models.generator, models.clip, models.identity):
            cast(nn.Module, network).requires_grad_(True)
        self.tokens = models.clip.tokenizer([prompt.target]).to(models.device)

    def clip_loss(self, image: Tensor) -> Tensor:
        """1 - cosine with the text, of images upsampled 7 times and average-pooled to 224 px, not normalised."""
        clip, large = cast(Any, self.models.clip.model), F.interpolate(image, scale_factor=7, mode="nearest")
        features = clip.encode_image(F.avg_pool2d(large, image.shape[-1] // 32))
        return 1 - F.cosine_similarity(features, clip.encode_text(self.tokens)).mean()

    def identity_loss(self, image: Tensor, source: Tensor) -> Tensor:
        """1 - cosine of the recogniser's features of both images."""
        identity = cast(Any, self.models.identity)
        reference = identity.embed(source).detach()
        return 1 - (identity.embed(image) * reference).sum(dim=1).mean()


class PublishedTraining(PublishedRecipe):
    """The training of a mapper: `training.step(w_plus)`. Every step renders the source images again."""

    def __init__(self, models: Models, prompt: Prompt, training: MapperTraining) -> None:
        super().__init__(models, prompt)
        self.training = training
        self.mapper = PromptMapper(prompt, new_mapper(training, models.generator), training, models.device)

    def step(self, w_plus: Tensor) -> float:
        """Take one step of the optimizer; returns the loss before it."""
        self.mapper.network.zero_grad()
        loss = self.loss(w_plus)
        loss.backward()
        self.mapper.update(self.training.lr)
        return float(loss.detach())

    def loss(self, w_plus: Tensor) -> Tensor:
        """`clip + 0.1 * identity + 0.8 * mean square of the step`, averaged over images (StyleCLIP, equation 4)."""
        with torch.no_grad():
            source = render(self.models.generator, w_plus)
        edited = w_plus + self.mapper.step(w_plus)
        image = render(self.models.generator, edited)
        training = self.training
        return (
            training.lambda_clip * self.clip_loss(image)
            + training.lambda_id * self.identity_loss(image, source)
            + training.lambda_l2 * F.mse_loss(edited, w_plus)
        )


class PublishedOptimization(PublishedRecipe):
    """The optimization of a latent [1, num_ws, w_dim]: `optimization.step()`."""

    def __init__(self, models: Models, prompt: Prompt, w_plus: Tensor, settings: dict[str, Any]) -> None:
        super().__init__(models, prompt)
        self.start, self.settings, self.taken = w_plus, settings, 0
        with torch.no_grad():
            self.source = render(models.generator, w_plus)
        self.w_plus = w_plus.clone().requires_grad_(True)
        self.adam = torch.optim.Adam([self.w_plus], lr=settings["lr"])

    def step(self) -> float:
        """Take one step of Adam; returns the loss before it."""
        self.adam.param_groups[0]["lr"] = self.settings["lr"] * projector_schedule(self.taken / self.settings["steps"])
        self.adam.zero_grad()
        loss = self.loss()
        loss.backward()
        self.adam.step()
        self.taken += 1
        return float(loss.detach())

    def loss(self) -> Tensor:
        """`clip + 0.008 * squared distance from the start + 0.005 * identity` (StyleCLIP, equation 1)."""
        image = render(self.models.generator, self.w_plus)
        return (
            self.clip_loss(image)
            + self.settings["lambda_l2"] * (self.w_plus - self.start).square().sum()
            + self.settings["lambda_id"] * self.identity_loss(image, self.source)
        )
