"""The records of a held-out evaluation: one edit of one picture, one prompt, and pictures for sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

NOTHING, RANDOM = "nothing", "random"  # the editors that bound every figure
MEASURES = (
    *("success", "flips", "kept", "clean"),
    *("target_similarity", "target_gain", "directional_similarity"),
    *("identity", "l1", "l1_step", "l1_outside", "lpips_outside"),  # l1_step: from the strength before
    *("seconds", "peak_mib"),
)


@dataclass(frozen=True)
class EditMeasurement:
    """One edit of one picture.

    Args:
        editor: its label.
        prompt: the target text.
        strength: a multiple of the editor's own step: 1 is its result, 0 the source, -1 the step reversed.
        image: the source, "seed 3" or the name of a file.
        measures: by name of MEASURES; one that could not be had is absent.
        flipped: the attributes of the bank that flipped, as "hat: a hat -> none".

    Example:
        edit = EditMeasurement("global-dir", "a face with red hair", 1.0, "seed 3", {"success": 1.0, "flips": 0.0})
    """

    editor: str
    prompt: str
    strength: float
    image: str
    measures: Mapping[str, float]
    flipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasuredPrompt:
    """A prompt as the held-out CLIP measures it.

    Args:
        prompt: the target text.
        neutral: the neutral texts of the directional similarity.
        claims: what it claims: of each claim the target texts and the alternatives.
        images: the sources that lacked a claim before the edit, which are edited.
        region: share of the frame in which the prompt may change the picture.
    """

    prompt: str
    neutral: tuple[str, ...]
    claims: Sequence[Mapping[str, Sequence[str]]] = ()
    images: Sequence[str] = ()
    region: float = 0.0


@dataclass(frozen=True)
class SetMeasurement:
    """A measure of all edits of an editor at a strength together, such as KID against pictures without an edit."""

    editor: str
    strength: float
    measures: Mapping[str, float]


@dataclass(frozen=True)
class EditPictures:
    """The pictures of one source for a sheet: before, and after the edit at every strength."""

    editor: str
    prompt: str
    image: str
    before: Image.Image = field(repr=False)
    after: Sequence[Image.Image] = field(repr=False)
