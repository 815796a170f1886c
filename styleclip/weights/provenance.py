"""Which generator and CLIP a file belongs to: by a hash of the one and by the other's features of a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.clip import CLIP
from styleclip.weights.formats.messages import short_repr

PROBE_TEXT = "a face"
MIN_PROBE_COSINE = 0.99  # of one CLIP at two precisions


def probe(clip: CLIP) -> Tensor:
    """Features [D] of a fixed text, which identify a CLIP."""
    return clip.encode_text([PROBE_TEXT])[0].cpu()


def is_same_clip(one: Tensor, other: Tensor) -> bool:
    """Whether two probes come from the same CLIP, at any precision."""
    return one.shape == other.shape and bool(torch.dot(one, other.to(one)) > MIN_PROBE_COSINE)


def check_provenance(
    about: Mapping[str, Any],
    stored: Tensor,
    clip: CLIP,
    fingerprint: str,
    made: str = "this table was made",
    remedy: str = "make one for this with `styleclip prepare --method exact`",
    family: Collection[str] = (),
) -> None:
    """Raise WeightError unless a file with this `about` and `probe` was made for this generator and CLIP.

    `family` are the fingerprints of other generators whose files fit this one (`weights/lineage.py`).
    """
    if about.get("generator") not in (fingerprint, *family):
        raise WeightError(f"{made} for another generator; {remedy}")
    if not is_same_clip(stored, probe(clip)):
        raise WeightError(f"{made} for the CLIP {short_repr(about.get('clip'))}, not for {clip.name}; {remedy}")


def cache_name(fingerprint: str, clip: CLIP) -> str:
    """The name in the cache folder of a file that belongs to a generator and a CLIP."""
    return f"{fingerprint[:16]}-{re.sub(r'[^A-Za-z0-9]+', '-', clip.name)}.safetensors"
