"""Directions in style space as files.

The file is safetensors with the tensors `weights`, `std` and `relevance`. Its metadata is
`{"styleclip": "direction", "about": JSON}`; `about` holds target, neutral, alpha, beta, movement and `generator`, the
fingerprint of the network that the direction belongs to. A direction by regression also has the tensors
`claims.I.rows` [A, C] and `claims.I.features` [K, D] of claim I, and its texts in the list `claims` of `about`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.methods.claim_direction import ClaimDirection
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.recording import InputFile
from styleclip.settings import resolve
from styleclip.stylespace.claim_classes import classes_from_record, classes_record
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import read_own, save_own

TENSORS = ("weights", "std", "relevance")


def save_direction(direction: StyleDirection, models: Models, path: str | Path) -> Path:
    """Write a direction; raises OutputError where that cannot be done."""
    about = {
        "target": direction.prompt.target,
        "neutral": direction.prompt.recorded_neutral,
        "alpha": direction.alpha,
        "beta": direction.beta,
        "movement": direction.movement,
        "generator": models.generator_fingerprint,
        **({"claims": [classes_record(claim.classes) for claim in direction.claims]} if direction.claims else {}),
    }
    tensors = {name: getattr(direction, name) for name in TENSORS}
    for i, claim in enumerate(direction.claims):
        tensors |= {f"claims.{i}.rows": claim.rows, f"claims.{i}.features": claim.classes.features}
    return save_own("direction", tensors, path, about)


def load_direction(path: str | Path, models: Models) -> StyleDirection:
    """The direction in a file; raises WeightError for a file without one, and for one of another generator."""
    tensors, about = read_own(path, "direction", "save the direction again")
    with error_context(path):
        if missing := [name for name in TENSORS if name not in tensors]:
            raise WeightError(f"the tensor {missing[0]} is missing; save the direction again")
        if about.get("generator") != models.generator_fingerprint:
            raise WeightError("this direction was found for another generator; pass that one with --model")
        neutral = about["neutral"]
        weights, std, relevance = (tensors[name].to(models.device) for name in TENSORS)
        direction = StyleDirection(
            Prompt(about["target"], neutral if isinstance(neutral, str) else tuple(neutral)),
            weights,
            std,
            relevance,
            beta=about["beta"],
            alpha=about["alpha"],
            movement=about["movement"],
            origin={"source": "file", "file": InputFile(path), "sha256": sha256_of(Path(path))},
            claims=_read_claims(tensors, about, models),
        )
    return direction.with_settings(resolve(GlobalDirectionSettings(), models.defaults.get(StyleDirection.name, {})))


def _read_claims(tensors: Mapping[str, Tensor], about: Mapping[str, Any], models: Models) -> tuple[ClaimDirection, ...]:
    """The directions of the claims of a direction by regression."""
    claims = []
    for i, record in enumerate(about.get("claims", ())):
        if missing := [name for name in ("rows", "features") if f"claims.{i}.{name}" not in tensors]:
            raise WeightError(f"the tensor claims.{i}.{missing[0]} is missing; save the direction again")
        rows, features = (tensors[f"claims.{i}.{name}"].to(models.device) for name in ("rows", "features"))
        claims.append(ClaimDirection(classes_from_record(record, features), rows))
    return tuple(claims)
