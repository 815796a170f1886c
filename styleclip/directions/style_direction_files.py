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

from styleclip.directions.records import read_range, read_unit
from styleclip.errors import WeightError
from styleclip.methods.claim_direction import ClaimDirection
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.settings import resolve
from styleclip.storage.recording import InputFile
from styleclip.stylespace.claim_classes import classes_from_record, classes_record
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_checks import check_shapes, number_of, text_of
from styleclip.weights.formats.own_files import read_own, save_own
from styleclip.weights.provenance import probe

TENSORS = ("weights", "std", "relevance")
REMEDY = "save the direction again"


def save_style_direction(direction: StyleDirection, models: Models, path: str | Path) -> Path:
    """Write a direction; raises OutputError where that cannot be done."""
    about = {
        "target": direction.prompt.target,
        "neutral": direction.prompt.recorded_neutral,
        "alpha": direction.alpha,
        "beta": direction.beta,
        "movement": direction.movement,
        "generator": models.generator_fingerprint,
        **({"claims": [classes_record(claim.classes) for claim in direction.claims]} if direction.claims else {}),
        **({"unit": direction.unit, "unit_of": direction.unit_of} if direction.unit else {}),
        **({"range": direction.range} if direction.range else {}),
    }
    tensors = {name: getattr(direction, name) for name in TENSORS}
    for i, claim in enumerate(direction.claims):
        tensors |= {f"claims.{i}.rows": claim.rows, f"claims.{i}.features": claim.classes.features}
    return save_own("direction", tensors, path, about)


def load_style_direction(path: str | Path, models: Models) -> StyleDirection:
    """The direction in a file; raises WeightError for a file without one, and for one of another generator."""
    tensors, about = read_own(path, "direction", REMEDY)
    with error_context(path):
        check_shapes(tensors, dict.fromkeys(TENSORS, "C"), REMEDY)
        if not models.accepts_w(about.get("generator")):
            raise WeightError("this direction was found for another generator; pass that one with --model")
        grow = models.generator.add_style_channels
        tensors = {name: each if name.endswith(".features") else grow(each) for name, each in tensors.items()}
        check_shapes(tensors, dict.fromkeys(TENSORS, "C"), REMEDY, {"C": models.generator.layout.size})
        weights, std, relevance = (tensors[name].to(models.device) for name in TENSORS)
        direction = StyleDirection(
            _read_prompt(about),
            weights,
            std,
            relevance,
            beta=number_of(about, "beta", REMEDY),
            alpha="auto" if about.get("alpha") == "auto" else number_of(about, "alpha", REMEDY),
            movement=None if about.get("movement") is None else number_of(about, "movement", REMEDY),
            origin={"source": "file", "file": InputFile(path), "sha256": sha256_of(Path(path))},
            claims=_read_claims(tensors, about, models),
            **read_unit(about),
            range=read_range(about),
        )
    return direction.with_settings(resolve(GlobalDirectionSettings(), models.defaults.get(StyleDirection.name, {})))


def _read_prompt(about: Mapping[str, Any]) -> Prompt:
    neutral = about.get("neutral")
    if not isinstance(neutral, list):
        return Prompt(text_of(about, "target", REMEDY), text_of(about, "neutral", REMEDY))
    texts = tuple(text_of({"neutral": each}, "neutral", REMEDY) for each in neutral)
    return Prompt(text_of(about, "target", REMEDY), texts)


def _read_claims(tensors: Mapping[str, Tensor], about: Mapping[str, Any], models: Models) -> tuple[ClaimDirection, ...]:
    """The directions of the claims of a direction by regression."""
    claims = []
    for i, record in enumerate(about.get("claims") or ()):
        rows, features = f"claims.{i}.rows", f"claims.{i}.features"
        check_shapes(tensors, {rows: "AC", features: "KD"}, REMEDY, _claim_sizes(models))
        try:
            classes = classes_from_record(record, tensors[features].to(models.device))
            classes.check(len(tensors[rows]))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise WeightError(f"the record of claims.{i} is damaged; {REMEDY}") from error
        claims.append(ClaimDirection(classes, tensors[rows].to(models.device)))
    return tuple(claims)


def _claim_sizes(models: Models) -> dict[str, int]:
    return {"C": models.generator.layout.size, "D": len(probe(models.clip))}
