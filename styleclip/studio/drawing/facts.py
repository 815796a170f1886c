"""Facts of rows for the page: how a text was understood, the channels that move, and what the edited picture shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from styleclip.latents import Direction
from styleclip.losses import similarity
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.slider_edit import prompt_of
from styleclip.methods.sliders import Found
from styleclip.methods.style_direction import MAX_REGRESSION_ALPHA, StyleDirection
from styleclip.networks.clip import CLIP
from styleclip.prompts import encode, target_probability
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.rows import FoundRow
from styleclip.studio.drawing.sources import SourceFace
from styleclip.studio.states.state import LIMITS
from styleclip.stylespace.claim_classes import describe_classes, least_shown

REGRESSION_RANGE, TABLE_RANGE, OTHER_RANGE = 2.0, 10.0, 1.5  # of a slider, either way
LATENT_RANGE, LATENT_UNITS = 3.0, 4.0  # of a direction in W, W+ or S; in its units where they are known
MAX_TEXTS = 256  # whose features are kept
DIGITS = 4


def step_facts(found: Found, step: Direction, face: SourceFace) -> dict[str, Any]:
    """The facts of a row on a face that do not depend on its strength."""
    facts: dict[str, Any] = {"channels": int((step.data != 0).sum()), "total_channels": step.data.shape[-1]}
    prompt = prompt_of(found)
    if isinstance(found, StyleDirection):
        facts["beta"] = round(found.beta, DIGITS)
        classes = [claim.classes for claim in found.claims]
        if classes:
            described = describe_classes(classes)
            facts["understood"] = [each["understood"] for each in described]
            facts["neutral"] = [text for each in described for text in each["alternatives"]]
            facts["shown_before"] = _rounded(least_shown(classes, face.features))
        else:
            facts["neutral"] = list(found.prompt.neutrals)
    if prompt is not None:
        facts["name"] = prompt.target
    return facts


def add_strength_facts(facts: dict[str, Any], found: Found, strength: float) -> None:
    """The range of a slider that holds its strength, and a warning where that goes far beyond the samples."""
    by_regression = isinstance(found, StyleDirection) and bool(found.claims)
    if isinstance(found, StyleDirection | LatentDirection) and (useful := _useful_range(found)):
        most = LIMITS["strength"]
        facts["range"] = [max(min(useful[0], strength, 0.0), -most), min(max(useful[1], strength, 0.0), most)]
    else:
        usual = REGRESSION_RANGE if by_regression else TABLE_RANGE if isinstance(found, StyleDirection) else OTHER_RANGE
        most = max(usual, math.ceil(abs(strength)))
        facts["range"] = [-usual, most] if strength > 0 else [-most, usual]
    if by_regression and abs(strength) > MAX_REGRESSION_ALPHA:
        add_warning(facts, f"strength {strength:g} goes far beyond the samples, which 1 reaches; lower it")


def _useful_range(found: StyleDirection | LatentDirection) -> tuple[float, float] | None:
    """The range that a file tells, or one that is guessed; None for a text without one."""
    if found.range is not None or isinstance(found, StyleDirection):
        return found.range
    most = LATENT_RANGE if found.unit is None else float(f"{LATENT_UNITS * found.unit:.2g}")
    return -most, most


def add_warning(facts: dict[str, Any], sentence: str) -> None:
    """Add a sentence to the warnings of a row."""
    facts["warning"] = "; ".join(filter(None, [facts.get("warning"), sentence]))


class PictureFacts:
    """Measures edited pictures: the person by face recognition, and the texts of rows by CLIP."""

    def __init__(self, clip: CLIP) -> None:
        self.clip = clip
        self._texts: Cache[Tensor] = Cache(MAX_TEXTS)

    def identity(self, face: SourceFace, image: Tensor) -> float | None:
        """How alike the person is to the source; None where the models have no face recognition."""
        recogniser = face.models.identity
        if recogniser is None or face.embedding is None:
            return None
        return _rounded(similarity(recogniser.embed(image), face.embedding))

    def add_probabilities(self, image: Tensor, rows: Sequence[FoundRow]) -> None:
        """Add to the facts of every row that is on how probably the picture shows its text."""
        texts = [(each.facts, each.found) for each in rows if each.moves and each.found and _has_text(each.found)]
        if texts:
            features = self.clip.encode_image(image)
            for facts, found in texts:
                facts["probability"] = _rounded(self._probability(found, features))

    def _probability(self, found: Found, features: Tensor) -> Tensor:
        """[1] for the features [1, D] of a picture."""
        if isinstance(found, StyleDirection) and found.claims:
            return least_shown([claim.classes for claim in found.claims], features)
        prompt = prompt_of(found)
        assert prompt is not None
        encoded = self._texts.get_or_make(prompt.texts, lambda: encode(self.clip, prompt.texts, "ensemble"))
        return target_probability(self.clip, features, encoded)


def _has_text(found: Found) -> bool:
    return prompt_of(found) is not None


def _rounded(value: Tensor) -> float:
    return round(value.item(), DIGITS)
