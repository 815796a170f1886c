"""The canvas of an adaptation: a copy of a generator, some layers of which are trained."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from styleclip.networks.generator import Generator
from styleclip.networks.layers import ModulatedConv
from styleclip.networks.stylegan2 import StyleGAN2Config

CONSTANT = "synthesis.b4.const"


class GeneratorCanvas:
    """The child: `canvas.generator` is a copy of the parent whose `layers` are trained.

    A layer is trained whole: weight, bias, strength of the noise, and the affine layer that makes its styles. Mapping
    and noise stay the parent's, so that latents mean the same in both. The state is that of the trained tensors.

    Args:
        parent: a frozen generator; it is not changed.
        layers: names in style space of the layers to train, such as "b8.conv0".
        with_constant: whether the learned constant of a StyleGAN2 is trained as well; a StyleGAN3 has none.

    Example:
        canvas = GeneratorCanvas(models.generator, ["b4.conv1"], with_constant=True)
        image = canvas.generator(latent)
    """

    def __init__(self, parent: Generator, layers: Sequence[str], with_constant: bool) -> None:
        self.generator = copy.deepcopy(parent)
        for name in layers:
            layer = self.layer(name)
            if isinstance(layer, ModulatedConv):
                layer.thaw()
        self.names = [
            f"synthesis.{layer}.{name}" for layer in layers for name, _ in self.layer(layer).named_parameters()
        ]
        constant = [CONSTANT] if with_constant and isinstance(parent.config, StyleGAN2Config) else []
        self.names += constant
        self.unfreeze(layers)
        for name in constant:
            self.generator.get_parameter(name).requires_grad_(True)

    def layer(self, name: str) -> nn.Module:
        return self.generator.synthesis.get_submodule(name)

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.generator.get_parameter(name) for name in self.names]

    def unfreeze(self, layers: Iterable[str]) -> None:
        """Train these layers and none of the others."""
        for parameter in self.parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
        for name in layers:
            self.layer(name).requires_grad_(True)

    def state_dict(self) -> dict[str, Tensor]:
        return {name: self.generator.get_parameter(name).detach() for name in self.names}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for name in self.names:
            self.generator.get_parameter(name).copy_(state[name])
