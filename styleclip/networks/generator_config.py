"""What every generator's configuration tells: the sizes of its latents, layers and pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from styleclip.latents import StyleLayout

if TYPE_CHECKING:
    from styleclip.networks.synthesis import ImageSize, Synthesis

MAPPING_LR_MUL = 0.01  # learning rate of the mapping network relative to the rest (StyleGAN, appendix C)


class GrownFrom(NamedTuple):
    """The smaller generator whose blocks and mapping network a generator began with: they have the same W.

    Args:
        network: its fingerprint.
        num_ws: the number of rows of its W+, whose last one stands for the rows that were added.
    """

    network: str
    num_ws: int


class GeneratorConfig(ABC):
    """The shape of a generator; each architecture has a frozen dataclass of its own."""

    z_dim: int
    w_dim: int
    mapping_widths: tuple[int, ...]  # output width of each fully connected layer; the last equals w_dim
    mapping_lr_mul: float
    conv_clamp: float | None  # bounds of the activations
    img_channels: int  # 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha

    @property
    @abstractmethod
    def resolution(self) -> int:
        """The longest of `resolutions`; the height and width of the image where it is square."""

    @property
    @abstractmethod
    def resolutions(self) -> tuple[int, ...]:
        """The pictures that can be asked for (`Generator.forward`), in ascending order."""

    @property
    def image_size(self) -> ImageSize:
        """Height and width of the image in px."""
        return self.block_size(self.resolution)

    @abstractmethod
    def block_size(self, resolution: int) -> ImageSize:
        """Height and width in px of the picture called by one of `resolutions`."""

    @abstractmethod
    def layout(self) -> StyleLayout:
        """The layers of style space."""

    @abstractmethod
    def feature_maps(self, resolution: int) -> list[int]:
        """Numbers in the feature maps of each block, or layer, that the picture of this resolution needs."""

    @abstractmethod
    def build_synthesis(self) -> Synthesis:
        """A new synthesis network with random weights."""
