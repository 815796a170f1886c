"""Latent mappers: networks trained for one text, which give the edit of any latent (StyleCLIP, section 5).

An edit is `latent + STEP * mapper(latent)`. Each network maps one part of the latent: some vectors of W+, or the styles
of one layer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from styleclip.errors import SpaceError
from styleclip.latents import Space, StyleLayout
from styleclip.networks.layers import EqualLinear, normalize_2nd_moment

STEP = 0.1  # in StyleCLIP's code for training and inference; not in the paper
LAYERS = 4  # of every network
LEVELS = {
    "coarse": slice(0, 4),
    "medium": slice(4, 8),
    "fine": slice(8, None),
    "all": slice(None),  # one network for all of W+: StyleCLIP's single mapper
}


class Mapper(nn.Module):
    """Base of mappers: `mapper(latent)` is the unscaled step of a latent in `space`, of the same shape."""

    space: Space


class LevelsMapper(Mapper):
    """One network per level of detail, `M(w) = (M_c(w_c), M_m(w_m), M_f(w_f))` (StyleCLIP, equation 3).

    The step of levels that are left out is zero. `LevelsMapper(["all"])` is the single mapper.
    """

    space = Space.W_PLUS

    def __init__(self, levels: Sequence[str] = ("coarse", "medium", "fine"), w_dim: int = 512) -> None:
        super().__init__()
        self.w_dim, self.spans = w_dim, {level: LEVELS[level] for level in levels}
        for level in levels:
            self.add_module(level, FullyConnected(w_dim))

    def forward(self, w_plus: Tensor) -> Tensor:
        """W+ [N, num_ws, w_dim] -> the unscaled step [N, num_ws, w_dim]; raises SpaceError for another w_dim."""
        if w_plus.shape[-1] != self.w_dim:
            raise SpaceError(
                f"this mapper takes w of length {self.w_dim}, got {w_plus.shape[-1]}; use it with its own generator"
            )
        step = torch.zeros_like(w_plus)
        for level, span in self.spans.items():
            step[:, span] += self.get_submodule(level)(w_plus[:, span])
        return step


class StyleMapper(Mapper):
    """One network per layer of style space, by its name: `b64.conv0`, in a StyleGAN3 `L0_36_512`.

    Steps of toRGB are zero unless `torgb`.
    """

    space = Space.S

    def __init__(self, layout: StyleLayout, torgb: bool = False) -> None:
        super().__init__()
        self.layout = layout
        self.mapped = [entry for entry in layout.entries if torgb or not entry.is_torgb]
        for entry in self.mapped:
            block, _, layer = entry.name.rpartition(".")
            if not hasattr(self, block or layer):
                self.add_module(block or layer, nn.Module() if block else FullyConnected(entry.channels))
            if block:
                self.get_submodule(block).add_module(layer, FullyConnected(entry.channels))

    def forward(self, styles: Tensor) -> Tensor:
        """S [N, C] -> the unscaled step [N, C]; raises SpaceError for another C."""
        parts = self.layout.split(styles)
        steps = {name: torch.zeros_like(part) for name, part in parts.items()}
        steps |= {entry.name: self.get_submodule(entry.name)(parts[entry.name]) for entry in self.mapped}
        return torch.cat(list(steps.values()), dim=1)


class FullyConnected(nn.Module):
    """Normalisation and four fully connected layers with lr_mul 0.01, as in StyleGAN's mapping network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for i in range(LAYERS):
            self.add_module(f"fc{i}", EqualLinear(width, width, lr_mul=0.01, activate=True))

    def forward(self, x: Tensor) -> Tensor:
        """[N, width] or [N, L, width] -> the same shape.

        The published networks normalise along axis 1, which in W+ is that of the L vectors, not their width.
        """
        y = normalize_2nd_moment(x).reshape(-1, x.shape[-1])
        for i in range(LAYERS):
            y = self.get_submodule(f"fc{i}")(y)
        return y.reshape(x.shape)
