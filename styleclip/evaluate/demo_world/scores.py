"""The values of every edit by prompt, and their means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from styleclip.evaluate.demo_world.measures import COLUMNS

Columns = Mapping[str, Sequence[float]]  # COLUMNS -> the value of every edit
TABLE_FORMATS = {  # the columns of tables
    **dict.fromkeys(("clean", "hit", "flips"), ".2f"),
    **dict.fromkeys(("bg", "still", "halo", "gamut", "to_ideal"), ".1f"),
    "identity": ".2f",
    "seconds": ".2g",
}


@dataclass(frozen=True)
class PromptScore:
    """The edits of one prompt.

    Args:
        prompt: the text.
        claims: attribute -> name of the state that it claims.
        seeds: of the faces that lacked a claim, one for each edit.
        edits: the columns of the editor, a value for each edit.
        oracle: the columns of the oracle on the same faces.
        flipped: attribute -> share of the edits in which it flipped, where it did.
    """

    prompt: str
    claims: Mapping[str, str]
    seeds: Sequence[int] = ()
    edits: Columns = field(default_factory=dict)
    oracle: Columns = field(default_factory=dict)
    flipped: Mapping[str, float] = field(default_factory=dict)

    @property
    def faces(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True)
class Row:
    """Means over some edits, and those of the oracle on the same faces and prompts; NaN where there is no edit."""

    label: str
    faces: int
    means: Mapping[str, float]
    oracle: Mapping[str, float]

    def cells(self) -> list[str]:
        """The cells of a table: label, faces and the columns of TABLE_FORMATS."""
        values = [format_mean(self.means[name], form) for name, form in TABLE_FORMATS.items()]
        return [self.label, str(self.faces), *values]


def format_mean(value: float, form: str) -> str:
    """The number, or a dash in place of NaN."""
    return "-" if math.isnan(value) else format(value, form)


def mean_row(label: str, scores: Sequence[PromptScore]) -> Row:
    """Means in which every edit counts once."""
    means, oracle = ({name: _mean(scores, part, name) for name in COLUMNS} for part in ("edits", "oracle"))
    return Row(label, sum(score.faces for score in scores), means, oracle)


def _mean(scores: Sequence[PromptScore], part: str, name: str) -> float:
    values = [value for score in scores for value in getattr(score, part).get(name, ())]
    return sum(values) / len(values) if values else math.nan
