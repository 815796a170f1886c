"""Edits of photos as a person types them, and readers of what they wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers.mappers import PROMPT
from tests.helpers.photos import ASTRONAUT, pixel_difference, read_rgb

OPTIMIZE = ("optimize", "--prompt", PROMPT.target, "--steps", "2")
MAP = ("map", "--mapper", "m.safetensors")
GLOBAL = ("global-dir", "--prompt", PROMPT.target, "--neutral", "a face", "--relevance", "gradient", "--images", "2")
GLOBAL += ("--channels", "5")
PHOTO = ("--image", str(ASTRONAUT), "--refine", "2")
TUNED = "latent.tuning.safetensors"


def record(folder: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "result.json").read_text())
    return found


def changed(pasted: Path | str, photo: Image.Image) -> np.ndarray:
    """The places (x, y) [N, 2] of the pixels that are not those of the photo."""
    found = read_rgb(pasted)
    assert found.size == photo.size
    y, x = pixel_difference(found, photo).max(axis=2).nonzero()
    return np.stack([x, y], axis=1)


def without_paths(told: Any) -> Any:
    """A record without the files that models were loaded from: paths in result.json, names in pictures."""
    if isinstance(told, dict):
        return {key: without_paths(value) for key, value in told.items() if key != "load"}
    return [without_paths(each) for each in told] if isinstance(told, list) else told
