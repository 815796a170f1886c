"""The synthesis network with its later blocks at the size of an earlier one: quick, and moved by every style."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops import bias_act
from styleclip.networks.layers import StyledConv, modulate
from styleclip.networks.synthesis import NoiseInputs, Styles, Synthesis


class CoarseSynthesis:
    """`coarse(styles, noise) -> image [N, img_channels, h, w]` at the size of the block called b{resolution}.

    The blocks up to that one are those of the generator. The later ones do not upsample: a filter of the block of
    2^k times the resolution reaches 2^-k pixels here, and its taps are spread bilinearly over the pixels beside them;
    the noise of a layer is averaged. It is an approximation, whose changes with the styles resemble those of the image.
    """

    def __init__(self, synthesis: Synthesis, resolution: int) -> None:
        self.synthesis, self.resolution = synthesis, resolution
        self.weights: dict[str, Tensor] = {}
        for entry in synthesis.layout.entries:
            layer = synthesis.get_submodule(entry.name)
            if entry.resolution > resolution and isinstance(layer, StyledConv):
                self.weights[entry.name] = narrow_filters(layer, resolution / entry.resolution)

    @torch.no_grad()
    def __call__(self, styles: Styles, noise: NoiseInputs) -> Tensor:
        early = [entry for entry in self.synthesis.layout.entries if entry.resolution <= self.resolution]
        batch = len(next(iter(styles.values())))
        x, image = self.synthesis.run(early, self.synthesis.start(batch), styles, noise)
        for entry in self.synthesis.layout.entries[len(early) :]:
            layer = self.synthesis.get_submodule(entry.name)
            if entry.is_torgb:
                image = image + layer(x, styles[entry.name])
            else:
                x = self._convolve(entry.name, x, styles[entry.name], noise[entry.name])
        return image

    def _convolve(self, name: str, x: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
        layer, weight = self.synthesis.get_submodule(name), self.weights[name]
        assert isinstance(layer, StyledConv)
        if noise is not None:
            noise = F.adaptive_avg_pool2d(noise, (x.shape[-2], x.shape[-1])) * layer.noise_strength
        x = F.conv2d(modulate(x.to(weight), styles.to(weight)), weight, padding=1)
        return bias_act(x, layer.bias, layer.demodulation(styles).to(weight), noise, clamp=layer.clamp)


def narrow_filters(layer: StyledConv, reach: float) -> Tensor:
    """The filters [out, in, 3, 3] of a layer with taps `reach` pixels apart, spread over pixels that are 1 apart."""
    weight = layer.weight.detach()
    spread = weight.new_tensor([[reach, 0, 0], [1 - reach, 1, 1 - reach], [0, 0, reach]])  # [pixel, tap]
    both = torch.kron(spread, spread)  # [9 pixels, 9 taps], of rows and columns
    taps = (weight.flip(2, 3) if layer.up else weight).flatten(2)  # [out, in, 9]
    return (taps @ both.T).view_as(weight).contiguous(memory_format=torch.channels_last)
