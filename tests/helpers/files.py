"""Files of the tiny networks, and the content of safetensors files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import styleclip
from styleclip.models import Models
from styleclip.weights.formats.own_files import save_generator
from tests.helpers.tiny import clip_config, tiny_clip, tiny_generator


def tiny_clip_file(folder: Path) -> Path:
    config = json.dumps(clip_config())
    save_file(tiny_clip().state_dict(), folder / "clip.safetensors", {"styleclip": "clip", "config": config})
    return folder / "clip.safetensors"


def tiny_files(folder: Path) -> tuple[Path, Path]:
    """The files of the tiny generator and the tiny CLIP."""
    return save_generator(tiny_generator(), folder / "generator.safetensors"), tiny_clip_file(folder)


def load_tiny_models(folder: Path, dtype: torch.dtype = torch.float64) -> Models:
    """The tiny models from files; in float64, so that tables of equal content differ by rounding of 1e-15 only."""
    generator, clip = tiny_files(folder)
    return styleclip.load(str(generator), clip=clip, dtype=dtype)


def tensor_content(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and tensor bytes of a safetensors file; the header is parsed, because its order of metadata varies."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def with_other_generator(models: Models) -> Models:
    """The same models with the fingerprint of another generator."""
    generator = {**models.provenance["generator"], "network": "f" * 64}
    return replace(models, provenance={**models.provenance, "generator": generator})
