"""InterFaceGAN (Shen et al. 2020, "Interpreting the Latent Space of GANs for Semantic Face Editing"): directions of
attributes that a score tells.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from styleclip.directions.boundary import Boundary, fit_boundary
from styleclip.directions.settings import BoundarySettings
from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.settings import settings_of

MIN_EXPLAINED, MIN_ACCURACY = 0.1, 0.6  # of held-out samples, by a regression and an SVM; less is chance
RANGE = (-2.0, 2.0)  # of alpha: what lies beyond is no face any more
DECIMALS = 4  # of the numbers of a record


class BoundaryWarning(UserWarning):
    """A boundary that does not tell samples apart."""


@torch.no_grad()
def interfacegan(
    models: Models,
    latent: Latent,
    scores: Tensor,
    settings: BoundarySettings | None = None,
    conditions: Sequence[Direction] = (),
    absolute: bool = False,
    origin: Mapping[str, Any] | None = None,
) -> LatentDirection:
    """The direction along which a score rises, across a linear boundary between samples.

    Alpha 1 is the way from the samples without the attribute to those with it: `upper - lower` of `Boundary`. The
    published boundary is the unit normal, of which alpha counts distances.

    Args:
        models: of which the latents are.
        latent: the samples. The direction is in W for those in Z and W, and for W+ of equal rows, else in their space.
        scores: [N], higher for more of the attribute.
        settings: how the boundary is fitted; by default to all samples.
        conditions: directions whose attributes are to stay; the normal is projected off them.
        absolute: alpha 0 takes every face to the samples without the attribute and 1 to those with it, wherever it is,
            as in the published edits; W only.
        origin: more facts for the record.

    Issues a BoundaryWarning where held-out samples are not told apart. Raises UsageError for scores that are equal or
    not finite, for too few samples, and for conditions that leave nothing.

    Example:
        latent, features = drawn_samples(models, 500)
        glasses = interfacegan(models, latent, clip_scores(models, Prompt("a face with glasses"), features))
    """
    settings = settings or BoundarySettings()
    latent = _samples_in_w(models, latent)
    if absolute and latent.space is not Space.W:
        raise UsageError(
            f"an absolute direction moves w, and these latents are in {latent.space.value}; pass some in w"
        )
    others = [_condition_vector(each, latent) for each in conditions]
    found = fit_boundary(latent.data.flatten(1), scores, settings, others)
    _warn_if_vague(found)
    step = ((found.upper - found.lower) * found.normal).reshape(latent.data[:1].shape)
    center = (found.lower - found.intercept) * found.normal if absolute else None
    return LatentDirection(
        latent.space,
        step.float().to(models.device),
        range=RANGE,
        center=None if center is None else center.float().to(models.device),
        generator=models.generator_fingerprint,
        origin={"source": "InterFaceGAN", **_record(found, settings, len(latent)), **(origin or {})},
    )


def _warn_if_vague(found: Boundary) -> None:
    """Issue a BoundaryWarning where the boundary foretells little of samples that it was not fitted to."""
    if found.explained is not None and found.explained < MIN_EXPLAINED:
        what = f"explains {max(found.explained, 0):.0%} of the scores of held-out samples"
    elif found.explained is None and found.validation is not None and found.validation < MIN_ACCURACY:
        what = f"tells the side of {found.validation:.0%} of held-out samples"
    else:
        return
    warnings.warn(
        f"the boundary {what}, so its direction may change anything; score what the samples show, or more samples",
        BoundaryWarning,
        stacklevel=3,
    )


def _samples_in_w(models: Models, latent: Latent) -> Latent:
    """The samples in W, where they are: those in Z are mapped, and W+ may repeat one w."""
    if latent.space is Space.Z:
        return models.generator.to_space(latent.to(models.device), Space.W)
    if latent.space is Space.W_PLUS and bool((latent.data == latent.data[:, :1]).all()):
        return Latent(Space.W, latent.data[:, 0])
    return latent


def _condition_vector(direction: Direction, latent: Latent) -> Tensor:
    """The condition as a vector of the samples' space: flat for W+, one w for a direction that moves all rows alike."""
    data = direction.data.detach().cpu()
    if direction.space is Space.W_PLUS and latent.space is Space.W:
        rows = data[0][data[0].any(dim=1)]
        if len(rows) and bool((rows == rows[:1]).all()):
            return rows[0]
    if direction.space is Space.W and latent.space is Space.W_PLUS:
        return data[:, None].expand(-1, latent.data.shape[1], -1).flatten()
    if direction.space is not latent.space:
        name = getattr(direction, "name", "the direction")
        raise SpaceError(
            f"the condition {name} is in {direction.space.value} and the boundary in {latent.space.value}; pass a "
            f"condition in {latent.space.value}"
        )
    return data.flatten()


def _record(found: Boundary, settings: BoundarySettings, samples: int) -> dict[str, Any]:
    """How the boundary was found, and how well."""
    own = ("fit",) if settings.fit == "ridge" else tuple(settings_of(BoundarySettings))
    accuracy = {"explained": found.explained, "validation": found.validation, "remaining": found.remaining}
    return {
        **{name: getattr(settings, name) for name in own},
        "samples": samples,
        "trained": found.trained,
        **{name: round(value, DECIMALS) for name, value in accuracy.items() if value is not None},
        "lower": round(found.lower, DECIMALS),
        "upper": round(found.upper, DECIMALS),
    }
