"""The phrases of the table in a prompt, and whether the prompt denies them."""

from __future__ import annotations

from dataclasses import replace

from styleclip.claims.nouns import read_nouns
from styleclip.claims.occurrence import Occurrence
from styleclip.claims.tokens import MAX_MODIFIERS, TokenizedText

MAX_WORDS = 6  # of a phrase
SKIPPED = (
    *("wearing", "wear", "wears", "have", "having", "has", "with", "in", "on", "of", "be", "being", "is"),
    *("longer", "more", "look", "looking", "such", "really", "very", "overly"),
)
IS = ("is", "are", "be", "was", "all")


def find_occurrences(text: TokenizedText, skip: frozenset[tuple[str, ...]] = frozenset()) -> list[Occurrence]:
    """All phrases of the table in a prompt but those in `skip`, in the order of the prompt; takes their tokens."""
    found = sorted([*read_nouns(text), *_whole_phrases(text, skip)], key=lambda occurrence: occurrence.start)
    checked: list[Occurrence] = []
    for occurrence in found:
        checked.append(_negate(text, occurrence, checked))
    return checked


def _whole_phrases(text: TokenizedText, skip: frozenset[tuple[str, ...]]) -> list[Occurrence]:
    """The longest first; of equal ones the things first, as an adjective may describe them: "old glasses"."""
    matches = [
        (words, start, end)
        for start in range(len(text.tokens))
        for words, end in text.phrases_at(start, MAX_WORDS)
        if words in text.table.lexicon and words not in skip
    ]
    found: list[Occurrence] = []
    for words, start, end in sorted(matches, key=lambda match: (-len(match[0]), not _is_thing(text, match[0]))):
        if not all(text.words(start, end)):
            continue
        senses, first = text.table.lexicon[words], start
        while _is_thing(text, words) and start - first < MAX_MODIFIERS and text.is_modifier(first - 1):
            first -= 1
        found += [text.occurrence(sense, start, end, first) for sense in senses]
        text.taken |= {*range(first, end)}
    return found


def _is_thing(text: TokenizedText, words: tuple[str, ...]) -> bool:
    return any(sense.noun for sense in text.table.lexicon[words])


def _negate(text: TokenizedText, occurrence: Occurrence, before: list[Occurrence]) -> Occurrence:
    """The occurrence as the words around it deny it or not; takes these words."""
    start = occurrence.start
    while text.is_in(start - 1, "determiners") or text.word(start - 1) in SKIPPED:
        start -= 1
    for length in (3, 2, 1):
        words = text.words(start - length, start)
        for name in ("removals", "negations"):
            if words in text.table.text[name]:
                text.taken |= {*range(start - length, occurrence.start)}
                return replace(occurrence, negated=True, is_removal=name == "removals")
    end = occurrence.end
    while text.word(end) in IS:
        end += 1
    if text.is_in(end, "removed"):
        text.taken |= {*range(occurrence.end, end + 1)}
        return replace(occurrence, negated=True, is_removal=True)
    return _inherit(text, occurrence, start, before)


def _inherit(text: TokenizedText, occurrence: Occurrence, start: int, before: list[Occurrence]) -> Occurrence:
    """Denied where the denial of the one before reaches it: "no hat or glasses", "remove hat and glasses"."""
    same = [other for other in before if (other.start, other.end) == (occurrence.start, occurrence.end)]
    if same:
        return replace(occurrence, negated=same[0].negated, is_removal=same[0].is_removal)
    joins: list[str] = []
    while text.word(start - 1) in (",", "and", "or", "nor", "&"):
        start -= 1
        joins.append(text.word(start))
    last = next((other for other in reversed(before) if other.end == start and other.negated), None)
    is_list = {"or", "nor"} & {*joins} or (joins == [","] and text.word(occurrence.end) in (",", "or", "nor"))
    if not joins or not last or not (is_list or last.is_removal):
        return occurrence
    text.taken |= {*range(start, occurrence.start)}
    return replace(occurrence, negated=True, is_removal=last.is_removal)
