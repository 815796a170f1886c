"""The record of the networks that a file was made with."""

from __future__ import annotations

from typing import Any

from styleclip.models import Models
from styleclip.version import __version__


def network_record(models: Models) -> dict[str, Any]:
    """Generator, CLIP and precision, as the `about` of tables and samples names them."""
    generator, clip = models.provenance.get("generator", {}), models.provenance.get("clip", {})
    return {
        "generator": models.generator_fingerprint,
        "generator_name": generator.get("name"),
        "clip": clip.get("name", models.clip.name),
        "clip_preprocess": models.clip.preprocess,
        "dtype": models.provenance.get("dtype", "float32"),
        "styleclip": __version__,
    }
