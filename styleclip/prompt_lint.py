"""Warnings about prompts that a CLIP is known to misread: negations, and colours of two things.

Which ones it misreads was measured by `styleclip evaluate --clip` and stands in the catalog, `[composition.NAME]`. A
CLIP that was not measured gets no warning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from styleclip.networks.clip import CLIP
from styleclip.prompt_words import PromptWarning, check_words
from styleclip.runtime.warnings_of_thread import warn
from styleclip.weights.catalog import catalog

LEAST_RIGHT = 0.5  # share of questions below which a CLIP is said to misread
SWAP = "swap"
NEGATIONS = {  # form of negation, as evaluate/composition names them -> how a text has it; the first that fits counts
    "without": r"\bwithout\b",
    "not wearing": r"\b(?:not|never|isn't|aren't|doesn't) wear(?:s|ing)?\b|\bwearing no\b|\bnot in an?\b",
    "does not have": r"\b(?:not|never|\w+n't)\b",
    "with no": r"\bno\b",
}
COLORS = (
    *("black", "white", "grey", "gray", "silver", "brown", "blonde", "golden", "red", "orange", "yellow", "green"),
    *("blue", "purple", "violet", "pink", "ginger"),
)
COLORED = re.compile(rf"\b({'|'.join(COLORS)})(?:-haired|-eyed|\s+(?!and\b|or\b)[a-z]+)", re.IGNORECASE)


def warn_prompts(clip: CLIP, texts: Sequence[str]) -> None:
    """Issue a PromptWarning for words that this CLIP does not know, and one for each thing it is known to misread."""
    check_prompts(clip, texts, force=True)


def check_prompts(clip: CLIP, texts: Sequence[str], force: bool = False) -> None:
    """As `warn_prompts`, for texts of an edit: raise UsageError for words that a small CLIP does not know, unless
    `force`."""
    check_words(clip, texts, force)
    for sentence in lint(clip.name, texts):
        warn(sentence, PromptWarning)


def lint(name: str, texts: Sequence[str]) -> list[str]:
    """What the CLIP of this name is known to misread in the texts: a sentence with a remedy for each."""
    right = measured(name)
    sentences = []
    for form in dict.fromkeys(filter(None, map(negation, texts))):
        if right.get(form, 1.0) < LEAST_RIGHT:
            found = next(text for text in texts if negation(text) == form)
            sentences.append(f"the {name} CLIP misreads {found!r} ({_share(right[form])}); {_remedy(right)}")
    if right.get(SWAP, 1.0) < LEAST_RIGHT and (found := next(filter(binds_two_colors, texts), "")):
        remedy = "give each thing an edit of its own, as `styleclip sliders --edit` does"
        sentences.append(f"the {name} CLIP mixes up the colours of {found!r} ({_share(right[SWAP])}); {remedy}")
    return sentences


def measured(name: str) -> Mapping[str, float]:
    """The share of questions that the CLIP of this name answers rightly, by form of negation and "swap"."""
    table: Mapping[str, float] = catalog().get("composition", {}).get(name, {})
    return table


def negation(text: str) -> str | None:
    """The form of negation that a text has; None where it has none."""
    plain = text.lower().replace("\u2019", "'")
    return next((form for form, pattern in NEGATIONS.items() if re.search(pattern, plain)), None)


def binds_two_colors(text: str) -> bool:
    """Whether a text gives two things different colours."""
    return len({color.lower() for color in COLORED.findall(text)}) > 1


def _share(right: float) -> str:
    return f"it is right about such texts in {100 * right:.0f} %"


def _remedy(right: Mapping[str, float]) -> str:
    """What to write in place of a negation that is misread."""
    best = max(NEGATIONS, key=lambda form: right.get(form, 0.0))
    if right.get(best, 0.0) >= LEAST_RIGHT:
        return f'write "{best} ..." instead, which it reads rightly in {100 * right[best]:.0f} %'
    return 'say what the picture shows instead, e.g. "a shaved face"'
