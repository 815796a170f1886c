"""A row of a state as a direction file, which `styleclip sliders --direction` and `styleclip global-dir` read."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch

from styleclip.directions.loading import save_direction
from styleclip.errors import UsageError
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.sliders import Found
from styleclip.methods.style_direction import StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.prompts import Prompt
from styleclip.studio.engine import StateEdit
from styleclip.studio.exports.sweep import known_row


def direction_content(edit: StateEdit, row: str) -> bytes:
    """The direction of a row, with its strength as alpha. Raises UsageError for a mapper."""
    known = known_row(edit, row)
    found: Found | None = known.found
    if isinstance(found, StyleStep):
        found = direction_of_step(found)
    if not isinstance(found, StyleDirection | LatentDirection):
        raise UsageError("a mapper gives every face a step of its own and has no direction; keep its file instead")
    with tempfile.TemporaryDirectory() as folder:
        models = edit.face.models.parent() or edit.face.models  # whose directions fit all its children
        path = save_direction(found.at(known.strength), models, Path(folder) / "direction.safetensors")
        return path.read_bytes()


def direction_of_step(step: StyleStep) -> StyleDirection:
    """The fixed step of one face as a direction, whose weights times std are the step, to the bit.

    A finished edit does not tell the deviations of the channels, so std is one power of two, at least the largest
    change. Raises UsageError for a step that changes nothing.
    """
    [data] = step.data
    largest = data.abs().max().item()
    if not largest:
        raise UsageError("the optimization kept the face as it was, so there is no direction; try other words")
    std = torch.full_like(data, 2.0 ** math.frexp(largest)[1])
    weights = data / std
    return StyleDirection(step.prompt or Prompt("an edit"), weights, std, weights.clone(), beta=0.0, alpha=1.0)
