"""Quick previews of large generators: a picture drawn before, plus what changes in a coarse drawing.

Skip images of early blocks (`generator(latent, resolution=R)`) do not serve: they lack all detail, and the channels of
later blocks, which carry most colours, do not move them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.coarse_synthesis import CoarseSynthesis
from styleclip.networks.generator import Generator
from styleclip.runtime.gradients import float32_default

LEAST_PX = 16  # smaller blocks show no more than the colours of a face
_coarse: WeakKeyDictionary[Generator, dict[int, CoarseSynthesis]] = WeakKeyDictionary()  # each holds filters of its own


@dataclass(frozen=True, eq=False)
class WholePicture:
    """A latent and its picture, from which previews of latents nearby are drawn.

    Args:
        latent: in S.
        picture: [N, img_channels, H, W], with the bits of `Models.render`.
    """

    latent: Latent
    picture: Tensor
    _reduced: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)
    _coarse: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)

    def reduced(self, factor: int) -> Tensor:
        """The picture with the mean of every `factor` x `factor` pixels; kept for the next call."""
        if factor == 1:
            return self.picture
        if factor not in self._reduced:
            self._reduced[factor] = F.avg_pool2d(self.picture, factor)
        return self._reduced[factor]

    def coarse(self, generator: Generator, resolution: int) -> Tensor:
        """`draw_coarse` of the latent; kept for the next call."""
        if resolution not in self._coarse:
            self._coarse[resolution] = draw_coarse(generator, self.latent, resolution)
        return self._coarse[resolution]


def preview_resolutions(generator: Generator) -> list[int]:
    """The resolutions of the blocks that previews can be drawn from, in ascending order; none of a StyleGAN3."""
    return [block for block in generator.config.resolutions if LEAST_PX <= block < generator.resolution]


@float32_default()
@torch.inference_mode(False)
@torch.no_grad()
def draw_whole_picture(models: Models, latent: Latent, on_block: Callable[[int], None] | None = None) -> WholePicture:
    """Draw a latent block by block.

    Args:
        models: the models of an editor.
        latent: a few latents of any space, drawn at once.
        on_block: gets the resolution of each block when it has been drawn; what it raises ends the drawing.
    """
    generator = models.drawing_generator
    synthesis, layout = generator.synthesis, generator.layout
    in_s = generator.to_space(latent.to(models.device), Space.S)
    styles = layout.split(in_s.data)
    noise, state = synthesis.noise_inputs(len(latent), "const"), synthesis.start(len(latent))
    for entry in layout.entries:
        state = synthesis.step(entry, state, styles, noise)
        if entry.is_torgb and on_block is not None:
            on_block(entry.resolution)
    return WholePicture(in_s, state.image)


@float32_default()
@torch.inference_mode(False)
@torch.no_grad()
def preview(models: Models, latent: Latent, resolution: int, near: WholePicture, factor: int = 1) -> Tensor:
    """The picture of a latent, about: [N, img_channels, H / factor, W / factor], drawn at `resolution`.

    `picture(near) + upsample(coarse(latent) - coarse(near))`: exact for the latent of `near`, and the better the nearer
    it is. Raises UsageError for a resolution that the generator has no block of.

    Args:
        models: the models of an editor.
        latent: latents of any space.
        resolution: one of `preview_resolutions`.
        near: of a latent nearby, such as the source of an edit, or what was drawn last.
        factor: how much smaller than the generator's picture it shall be.

    Example:
        source = draw_whole_picture(models, latent)
        image = preview(models, latent + 0.5 * step, 256, source)
    """
    generator = models.generator
    if resolution not in generator.config.resolutions:
        raise UsageError(f"there is no block of {resolution} px; choose one of {preview_resolutions(generator)}")
    change = draw_coarse(generator, latent.to(models.device), resolution) - near.coarse(generator, resolution)
    picture = near.reduced(factor)
    mode = "bilinear" if picture.shape[-1] >= change.shape[-1] else "area"
    return picture + F.interpolate(change, picture.shape[-2:], mode=mode)


def draw_coarse(generator: Generator, latent: Latent, resolution: int) -> Tensor:
    """The coarse drawing [N, img_channels, h, w] of a latent, with all blocks after b{resolution} at its size."""
    known = _coarse.setdefault(generator, {})
    if resolution not in known:
        known[resolution] = CoarseSynthesis(generator.synthesis, resolution)
    styles = generator.layout.split(generator.to_space(latent, Space.S).data)
    return known[resolution](styles, generator.synthesis.noise_inputs(len(latent), "const"))
