"""An adapted generator between its parent and its child: weights are interpolated, layers taken from the parent.

Interpolating weights is the "how much" of StyleGAN-NADA (Gal et al. 2021); taking layers from the parent keeps its
shapes or its colours (Pinkney and Adler 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import StyleLayout
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import GeneratorConfig, GrownFrom
from styleclip.weights.state_dict import load_strict, on_meta

CONSTANT = "synthesis.b4.const"  # the input of the first layer, and part of row 0


@dataclass(frozen=True, eq=False)
class Adapted:
    """A child, and what is different in its parent.

    Args:
        config: the shape of both.
        child: the state dict of the child, in float32.
        parent: the parent's tensors that differ, by the same names.
        record: of the parent (`weights/lineage.py`).
        grown_from: the smaller generator that both were grown from, if any.
    """

    config: GeneratorConfig
    child: Mapping[str, Tensor]
    parent: Mapping[str, Tensor]
    record: Mapping[str, Any]
    grown_from: GrownFrom | None = None

    def mix(self, amount: float = 1.0, parent_layers: Sequence[int] = ()) -> Generator:
        """The generator at an amount, frozen: 0 is the parent and 1 the child, to the bit.

        `parent_layers` are rows of W+, whose layers have the parent's weights at every amount: of row i the i-th
        convolution and the toRGB that reads the same w, of row 0 the learned constant, too; of a StyleGAN3 the i-th
        layer, from the Fourier input on. Tensors that do not differ are shared by all amounts. Raises UsageError for an
        amount outside 0..1 and for rows that are not there.
        """
        layout = self.config.layout()
        check_amount(amount, parent_layers, layout.num_ws)
        mixed = {
            name: parent if layer_row(name, layout) in parent_layers else _interpolate(parent, self.child[name], amount)
            for name, parent in self.parent.items()
        }
        generator = load_strict(on_meta(lambda: Generator(self.config)), {**self.child, **mixed})
        generator.grown_from = self.grown_from
        return generator.freeze()


def check_amount(amount: float, parent_layers: Sequence[int], num_ws: int) -> None:
    """Raise UsageError for an amount outside 0..1, and for rows that W+ does not have."""
    if not 0 <= amount <= 1:
        raise UsageError(f"the amount is {amount:g}; it must be between 0, the parent, and 1, the child")
    if missing := [row for row in parent_layers if not 0 <= row < num_ws]:
        raise UsageError(f"layer {missing[0]} is not among 0-{num_ws - 1}, which this generator has; pass some of them")


def layer_row(name: str, layout: StyleLayout) -> int | None:
    """The row of W+ that drives the layer of a tensor of the synthesis; None for tensors of the mapping."""
    rows = {f"synthesis.{entry.name}.": entry.ws_index for entry in layout.entries}
    found = next((row for layer, row in rows.items() if name.startswith(layer)), None)
    return 0 if name == CONSTANT else found


def _interpolate(parent: Tensor, child: Tensor, amount: float) -> Tensor:
    """In float64, so that all machines get the same float32 numbers."""
    if amount in (0, 1):
        return child if amount else parent
    return torch.lerp(parent.double(), child.double(), amount).to(parent.dtype)
