"""Files of directions: safetensors with the tensors of a `StyleDirection`, and its texts as JSON.

The metadata is `{"styleclip": "direction", "about": JSON}`; `about` holds target, neutral, alpha, beta, movement, and
`generator`, the fingerprint of the network that the direction belongs to.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.files import to_json
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import KIND, save_tensors
from styleclip.weights.formats.registry import read_one

TENSORS = ("weights", "std", "relevance")


def save_direction(edit: StyleDirection, models: Models, path: str | Path) -> Path:
    """Write an edit; raises OutputError where that cannot be done."""
    about = {
        "target": edit.prompt.target,
        "neutral": edit.prompt.neutral,
        "alpha": edit.alpha,
        "beta": edit.beta,
        "movement": edit.movement,
        "generator": models.generator_fingerprint,
    }
    tensors = {name: getattr(edit, name) for name in TENSORS}
    return save_tensors(tensors, path, {KIND: "direction", "about": to_json(about)})


def load_direction(path: str | Path, models: Models) -> StyleDirection:
    """The edit in a file; raises WeightError for a file without one, and for one of another generator."""
    found = read_one(path, "direction")
    with error_context(path):
        tensors = found.read()
        about: dict[str, Any] = json.loads(found.settings.get("about", "{}"))
        if missing := [name for name in TENSORS if name not in tensors]:
            raise WeightError(f"the tensor {missing[0]} is missing; save the direction again")
        if about.get("generator") != models.generator_fingerprint:
            raise WeightError("this direction was found for another generator; pass that one with --model")
        neutral = about["neutral"]
        prompt = Prompt(about["target"], neutral if isinstance(neutral, str) else tuple(neutral))
        weights, std, relevance = (tensors[name].to(models.device) for name in TENSORS)
        return StyleDirection(prompt, weights, std, relevance, about["beta"], about["alpha"], about["movement"])
