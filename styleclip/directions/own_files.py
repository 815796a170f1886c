"""Directions in W, W+ and S as files of ours: one or several in a safetensors file.

Its metadata is `{"styleclip": "direction", "about": JSON}`, where `about` holds `directions`, a list of records with
name, space, layers, unit, unit_of, range, alpha, generator, target, neutral, licence and origin. The tensors of number
I are `directions.I.step` and, of an absolute one, `directions.I.center`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.directions.records import REMEDY, read_range, read_unit
from styleclip.errors import SpaceError, UsageError, WeightError
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.prompts import Prompt
from styleclip.storage.files import to_json
from styleclip.weights.formats.messages import error_context, plain_line
from styleclip.weights.formats.own_checks import MAX_RECORD_CHARS, number_of, text_of
from styleclip.weights.formats.own_files import read_own, save_own

LIST = "directions"  # in `about`
FILE_KEYS = ("file", "sha256")  # of `origin`, that say which file a direction was read from


def save_latent_directions(directions: Sequence[LatentDirection], path: str | Path) -> Path:
    """Write directions; raises OutputError where that cannot be done, UsageError for none, and for equal names."""
    names = [each.name for each in directions]
    if not names:
        raise UsageError("there is no direction to save; pass one at least")
    if len(set(names)) < len(names):
        raise UsageError(f"two directions are called {max(names, key=names.count)!r}; give each a name of its own")
    # copies: safetensors refuses tensors that share memory, such as one direction by two names
    tensors = {f"{LIST}.{i}.step": each.data.clone() for i, each in enumerate(directions)}
    tensors |= {
        f"{LIST}.{i}.center": each.center.clone() for i, each in enumerate(directions) if each.center is not None
    }
    about = {LIST: [direction_record(each) for each in directions]}
    if len(to_json(about)) > MAX_RECORD_CHARS:
        raise UsageError(f"what is known of {len(names)} directions is too long for one file; save fewer of them")
    return save_own("direction", tensors, path, about)


def direction_record(direction: LatentDirection) -> dict[str, Any]:
    """What a file tells of a direction beside its numbers."""
    prompt = direction.prompt
    return {
        "name": direction.name,
        "space": direction.space.value,
        "layers": direction.layers,
        "absolute": direction.center is not None,
        "alpha": direction.alpha,
        "unit": direction.unit,
        "unit_of": direction.unit_of,
        "range": direction.range,
        "generator": direction.generator,
        "target": prompt.target if prompt else None,
        "neutral": prompt.recorded_neutral if prompt else None,
        "licence": direction.licence,
        "origin": {name: value for name, value in direction.origin.items() if name not in FILE_KEYS},
    }


def read_latent_directions(path: str | Path) -> list[LatentDirection]:
    """All directions of a file, without models. Raises WeightError for one that is damaged or of another kind."""
    tensors, about = read_own(path, "direction", REMEDY)
    with error_context(path):
        records = about.get(LIST)
        if not isinstance(records, list) or not records:
            raise WeightError(f"it has no list of directions; {REMEDY}")
        found = [_read(record, tensors, f"{LIST}.{i}") for i, record in enumerate(records)]
        if len({each.name for each in found}) < len(found):
            raise WeightError(f"two of its directions have one name; {REMEDY}")
    return found


def _read(record: Any, tensors: Mapping[str, Tensor], key: str) -> LatentDirection:
    if not isinstance(record, dict) or record.get("space") not in ("w", "w+", "s"):
        raise WeightError(f"the record of {key} is damaged; {REMEDY}")
    step, center = tensors.get(f"{key}.step"), tensors.get(f"{key}.center")
    if step is None or not step.is_floating_point() or bool(record.get("absolute")) != (center is not None):
        raise WeightError(f"the tensors of {key} are damaged; {REMEDY}")
    if center is not None and list(center.shape) != list(step.shape[-1:]):
        raise WeightError(f"{key}.center is of shape {list(center.shape)}, not {list(step.shape[-1:])}; {REMEDY}")
    generator, layers, licence = (record.get(name) or "" for name in ("generator", "layers", "licence"))
    origin = record.get("origin")
    try:
        return LatentDirection(
            Space(record["space"]),
            step,
            plain_line(text_of(record, "name", REMEDY)),
            alpha=number_of(record, "alpha", REMEDY),
            **read_unit(record),
            range=read_range(record),
            center=center,
            layers=plain_line(str(layers)),
            generator=str(generator) or None,
            prompt=_read_prompt(record),
            licence=plain_line(str(licence)),
            origin=origin if isinstance(origin, dict) else {},
        )
    except SpaceError as error:
        raise WeightError(f"{key}: {error}") from error


def _read_prompt(record: Mapping[str, Any]) -> Prompt | None:
    target, neutral = record.get("target"), record.get("neutral")
    if target is None:
        return None
    try:
        return Prompt(target, tuple(neutral) if isinstance(neutral, list) else neutral)
    except (TypeError, AttributeError, UsageError) as error:
        raise WeightError(f"the texts of a direction are damaged; {REMEDY}") from error
