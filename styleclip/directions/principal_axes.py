"""Principal axes of W as directions: eigenvectors in a fixed order and with fixed signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.networks.generator import Generator

TIE = 1e-6  # components of a unit vector whose sizes differ by less count as equally large


class PrincipalAxes(NamedTuple):
    """Eigenvalues [K] in descending order and their unit eigenvectors, the rows of [K, D], in float64 on the CPU."""

    values: Tensor
    vectors: Tensor


def principal_axes(matrix: Tensor) -> PrincipalAxes:
    """The axes of a symmetric, positive semidefinite matrix [D, D], without those whose eigenvalue is 0 but for
    rounding.

    The signs of the vectors are those of `with_fixed_signs`.
    """
    values, columns = torch.linalg.eigh(matrix.double().cpu())  # ascending
    values, vectors = values.flip(0), columns.flip(1).T
    rounding = len(values) * torch.finfo(values.dtype).eps * values[0].abs()
    rank = int((values > rounding).sum())
    return PrincipalAxes(values[:rank], with_fixed_signs(vectors[:rank]))


def with_fixed_signs(vectors: Tensor) -> Tensor:
    """Unit vectors [K, D] times 1 or -1: the largest absolute component, the first of equal ones, is positive."""
    sizes = vectors.abs()
    largest = sizes >= sizes.amax(dim=1, keepdim=True) - TIE
    first = largest.int().argmax(dim=1, keepdim=True)
    return vectors * vectors.gather(1, first).sign()


def chosen_layers(generator: Generator, layers: Sequence[int] | None) -> tuple[int, ...]:
    """Rows of W+ in ascending order, each once; all for None. Raises UsageError for none, and for absent ones."""
    rows = tuple(range(generator.num_ws)) if layers is None else tuple(sorted(set(layers)))
    if not rows or rows[0] < 0 or rows[-1] >= generator.num_ws:
        wrong = "no layer is chosen" if not rows else f"layer {rows[-1] if rows[0] >= 0 else rows[0]} does not exist"
        raise UsageError(f"{wrong}; the layers of this generator are 0 to {generator.num_ws - 1}")
    return rows


def axis_directions(
    models: Models,
    steps: Tensor,
    records: Sequence[Mapping[str, Any]],
    layers: Sequence[int] | None,
    count: int | None,
) -> list[LatentDirection]:
    """The first `count` of steps [K, w_dim] as directions "0", "1" ..., in W or in these layers of W+.

    `records` are their origins. Raises UsageError where `count` is no number from 1 to K.
    """
    if count is not None and not 1 <= count <= len(steps):
        raise UsageError(f"there are 1 to {len(steps)} directions here, not {count}; pass another count")
    data = steps.float().to(models.device)
    directions = [
        LatentDirection(Space.W, row[None], name=str(i), generator=models.generator_fingerprint, origin=records[i])
        for i, row in enumerate(data[:count])
    ]
    if layers is None:
        return directions
    rows = chosen_layers(models.generator, layers)
    return [each.with_layers(rows, models.generator.num_ws) for each in directions]
