"""The published training of a latent mapper, as plain as its description, for comparison.

Nothing is frozen, so autograd makes a gradient of every weight of the generator, CLIP and the recogniser, which nobody
uses and nothing clears. Every step renders the source pictures again, encodes the text again, and blows the edited
picture up to 7 times its side for CLIP. Every picture is convolved with weights of its own. What is kinder than
published: float32 throughout, and what the recogniser did to the source picture is forgotten at once.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.models.bundle import Models
from styleclip.models.layers import FIR_TAPS
from styleclip.models.stylegan2 import Generator
from styleclip.prompts import Prompt
from styleclip.training.settings import MapperTraining
from styleclip.training.student import Student


class Published:
    """A mapper in training: `published.step(w_plus)`. The networks become this training's own: they thaw."""

    def __init__(self, models: Models, prompt: Prompt, training: MapperTraining) -> None:
        self.models, self.training = models, training
        for network in (models.generator, models.clip, models.identity):
            cast(nn.Module, network).requires_grad_(True)
        self.student = Student(prompt, training.network(models.generator), training, models.device)
        self.tokens = models.clip.tokenizer([prompt.target]).to(models.device)

    def step(self, w_plus: Tensor) -> float:
        """One step of the optimizer: the loss before it."""
        self.student.network.zero_grad()
        loss = self.loss(w_plus)
        loss.backward()
        self.student.update(self.training.lr or 0.0)
        return float(loss.detach())

    def loss(self, w_plus: Tensor) -> Tensor:
        """`clip + 0.1 * identity + 0.8 * mean square of the step`, the mean of the pictures (StyleCLIP, equation 4)."""
        with torch.no_grad():
            source = render(self.models.generator, w_plus)
        edited = w_plus + self.student.step(w_plus)
        image = render(self.models.generator, edited)
        training = self.training
        return (
            (training.lambda_clip or 0.0) * self.clip_loss(image)
            + (training.lambda_id or 0.0) * self.identity_loss(image, source)
            + (training.lambda_l2 or 0.0) * F.mse_loss(edited, w_plus)
        )

    def clip_loss(self, image: Tensor) -> Tensor:
        """1 - cosine with the text, of pictures blown up, pooled to 224 px and shown to CLIP as they are."""
        clip, large = cast(Any, self.models.clip.model), F.interpolate(image, scale_factor=7, mode="nearest")
        seen = clip.encode_image(F.avg_pool2d(large, image.shape[-1] // 32))
        return 1 - F.cosine_similarity(seen, clip.encode_text(self.tokens)).mean()

    def identity_loss(self, image: Tensor, source: Tensor) -> Tensor:
        """1 - cosine of the recogniser's features of both pictures."""
        identity = cast(Any, self.models.identity)
        person = identity.embed(source).detach()
        return 1 - (identity.embed(image) * person).sum(dim=1).mean()


def render(generator: Generator, w_plus: Tensor) -> Tensor:
    """What `generator` makes of W+ [N, num_ws, w_dim], with a weight of its own for every picture: [N, 3, R, R]."""
    synthesis, count = generator.synthesis, len(w_plus)
    x, image = synthesis.b4.const.expand(count, -1, -1, -1), None
    for entry in generator.layout.entries:
        layer = synthesis.get_submodule(entry.name)
        styles = layer.affine(w_plus[:, entry.ws_index])
        if entry.is_torgb:
            colour = convolve(x, modulated(layer.weight, styles)) + layer.bias[:, None, None]
            image = colour if image is None else colour + fir(zeros_between(image), (2, 1))
        else:
            x = convolve(x, demodulated(modulated(layer.weight, styles)), layer.up)
            x = x + layer.noise_strength * layer.noise_const
            x = F.leaky_relu(x + layer.bias[:, None, None], 0.2) * math.sqrt(2)
    return image


def modulated(weight: Tensor, styles: Tensor) -> Tensor:
    """`w'_ijk = s_i * w_ijk` for every picture (StyleGAN2, equation 1), equalised: -> [N, O, I, k, k]."""
    return weight / math.sqrt(weight[0].numel()) * styles[:, None, :, None, None]


def demodulated(weight: Tensor) -> Tensor:
    """`w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + 1e-8)` (StyleGAN2, equation 3)."""
    return weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)


def convolve(x: Tensor, weight: Tensor, up: bool = False) -> Tensor:
    """Every picture with its own weight [N, O, I, k, k], as the groups of one convolution; with `up` at twice the side.

    -> [N, O, H, W] or [N, O, 2H, 2W]
    """
    count, kernel = len(x), weight.shape[-1]
    x = x.reshape(1, -1, *x.shape[2:])  # [1, N * I, H, W]
    if up:
        y = F.conv_transpose2d(x, weight.transpose(1, 2).flatten(0, 1), stride=2, groups=count)
        return fir(y.unflatten(1, (count, -1))[0], (1, 1))
    return F.conv2d(x, weight.flatten(0, 1), padding=kernel // 2, groups=count).unflatten(1, (count, -1))[0]


def fir(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """The low-pass filter after upsampling, 4 x 4 taps: [N, C, H, W] -> [N, C, H + sum(padding) - 3, ...]."""
    taps = torch.tensor(FIR_TAPS, dtype=x.dtype, device=x.device)
    channels = F.pad(x, padding * 2).flatten(0, 1)[:, None]  # [N * C, 1, H, W]
    return F.conv2d(channels, 4 * torch.outer(taps, taps)[None, None]).unflatten(0, x.shape[:2])[:, :, 0]


def zeros_between(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, 2H, 2W]: a zero right of and below every pixel."""
    return F.pad(x[:, :, :, None, :, None], (0, 1, 0, 0, 0, 1)).flatten(4, 5).flatten(2, 3)
