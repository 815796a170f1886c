"""The networks that measure edits, which no editor follows, and what they see in pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from styleclip.errors import UsageError
from styleclip.evaluate.held_out.bank import Bank, portrait_bank
from styleclip.loading import load_identity
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.lpips import PerceptualDistance
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.clips import load_clip
from styleclip.weights.state_dict import tensors_sha256
from styleclip.weights.urls import input_name

CROP = "the frame as the generator draws it; no detector"  # of the face recogniser


@dataclass(frozen=True, eq=False)
class Judges:
    """What measures edits.

    Args:
        clip: another CLIP than that of the editors.
        bank: the attributes that an edit may flip.
        identity: another face recogniser than that of the losses; None leaves identity out.
        perceptual: LPIPS; None leaves it out.
        names: the names of the networks, for the record.
    """

    clip: CLIP
    bank: Bank
    identity: FaceRecogniser | None = None
    perceptual: PerceptualDistance | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Who measured what."""
        identity = self.identity and {
            "name": self.names.get("identity", "given"),
            "tensors_sha256": tensors_sha256(self.identity.state_dict()),
            "crop": CROP,
        }
        lpips = {"trunk": "alex", "longer_side_px": 256} if self.perceptual else None
        return {
            "clip": {
                "name": self.clip.name,
                "tensors_sha256": tensors_sha256(self.clip.state_dict()),
                "preprocess": self.clip.preprocess,
            },
            "identity": identity,
            "lpips": lpips,
            "bank": {"name": self.bank.name, "sha256": self.bank.sha256},
        }


def load_judges(
    models: Models, clip: str, identity: str = "none", bank: Bank | None = None, fetch: Fetch = fetch
) -> Judges:
    """The judges of these names, files or URLs, on the device of the models; by default with the bank of portraits.

    Raises UsageError for the CLIP and the recogniser that the editors follow: an edit raises what it is made for.
    """
    judge = load_clip(clip, fetch=fetch).to(models.device)
    if judge.name == models.clip.name:
        raise UsageError(f"{judge.name} is the CLIP that the editors follow; pass another one with --judge-clip")
    if identity != "none" and identity == models.provenance.get("identity"):
        raise UsageError(f"{identity} is the recogniser of the identity loss; pass another one with --judge-identity")
    recogniser = load_identity(identity, fetch)
    if recogniser is not None:
        recogniser.eval().requires_grad_(False).to(models.device)
    names = {"identity": input_name(identity)}
    return Judges(judge, bank or portrait_bank(judge.vocabulary), recogniser, models.perceptual(), names)
