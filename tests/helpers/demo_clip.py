"""The CLIP of the demo's editors by its file, whichever CLIP is the default of work without a generator."""

from __future__ import annotations

import styleclip
from styleclip.networks.clip import CLIP
from styleclip.weights.catalog import checkpoint_path


def editors_clip() -> CLIP:
    return styleclip.load_clip(str(checkpoint_path("demo/clip.safetensors")))
