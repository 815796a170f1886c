"""SeFa (Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs"): directions from weights alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.directions.principal_axes import PrincipalAxes, axis_directions, chosen_layers, principal_axes
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.networks.generator import Generator


@torch.inference_mode(False)
@torch.no_grad()
def sefa(models: Models, layers: Sequence[int] | None = None, count: int | None = None) -> list[LatentDirection]:
    """The unit directions of W that change the styles of the chosen layers most, the strongest first.

    Args:
        models: of which the generator is factorized; nothing is rendered.
        layers: rows of W+ that are factorized, and that the directions then move; None for all, moved in W.
        count: how many directions; None for as many as the weights have.

    Raises UsageError for layers that the generator does not have, and for a larger count than there are directions.

    Example:
        first, *others = sefa(models, layers=range(4), count=8)
        editor.render(latent + 6 * first)
    """
    axes = factorize_weight(models.generator, chosen_layers(models.generator, layers))
    records = [{"source": "SeFa", "eigenvalue": value} for value in axes.values.tolist()]
    return axis_directions(models, axes.vectors, records, layers, count)


def factorize_weight(generator: Generator, layers: Sequence[int]) -> PrincipalAxes:
    """Eigenvalues [K] and eigenvectors [K, w_dim] of `A^T A`, where A [C, w_dim] has the unit rows of `affine_weight`.

    The published code leaves them in the order of numpy.linalg.eig, which is not sorted; here they descend.
    """
    weight = torch.cat([affine_weight(generator, layer) for layer in layers]).double()
    unit = F.normalize(weight, dim=1)  # one row per style channel; rows of zeros stay
    return principal_axes(unit.T @ unit)


def affine_weight(generator: Generator, layer: int) -> Tensor:
    """The affine weight [C_l, w_dim] of the layer that stands for a row of W+.

    As in the published code, a row stands for its convolution. The last row has none and stands for its toRGB; the
    other toRGB layers, which share the row of the next convolution, do not count.
    """
    entries = [entry for entry in generator.layout.entries if entry.ws_index == layer]
    [entry] = [entry for entry in entries if not entry.is_torgb] or entries
    return generator.synthesis.get_parameter(f"{entry.name}.affine.weight")
