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
        if not all(text.words(start, end)) or _describes_unknown(text, words, start, end):
            continue
        senses, first = text.table.lexicon[words], start
        while _is_thing(text, words) and start - first < MAX_MODIFIERS and text.is_modifier(first - 1):
            first -= 1
        read = [text.occurrence(sense, start, end, first) for sense in senses]
        found += read if len(read) == 1 else [replace(occurrence, wordings=()) for occurrence in read]  # "clean-shaven"
        text.taken |= {*range(first, end)}
    return found


def _describes_unknown(text: TokenizedText, words: tuple[str, ...], start: int, end: int) -> bool:
    """Whether an adjective stands before a noun that may be no face: "an old ship", "an old photo of a woman"."""
    is_adjective = all(sense.wording and sense.wording[:2] not in ("a ", "an") for sense in text.table.lexicon[words])
    if not is_adjective or text.is_in(start - 1, "subjects", "copulas"):
        return False
    while text.is_phrase(end) or end in text.taken or text.word(end) in ("and", ","):
        end += 1
    noun = end
    while noun - end < MAX_MODIFIERS and text.is_modifier(noun):
        noun += 1
    return text.is_in(noun, "media") or (
        noun > end and not text.is_in(noun, "subjects") and not _names_person(text, end, noun)
    )


def _names_person(text: TokenizedText, start: int, end: int) -> bool:
    """Whether one of these words is a person ("wizard"), or a name follows them."""
    return text.is_name(end) or any(text.is_in(index, "persons") for index in range(start, end))


def _is_thing(text: TokenizedText, words: tuple[str, ...]) -> bool:
    return any(sense.noun for sense in text.table.lexicon[words])


def _negate(text: TokenizedText, occurrence: Occurrence, before: list[Occurrence]) -> Occurrence:
    """The occurrence as the words around it deny it or not; takes these words."""
    start = occurrence.start
    while not (denial := _denial_before(text, start)):
        if not (text.is_in(start - 1, "determiners") or text.word(start - 1) in SKIPPED):
            break
        start -= 1
    if denial:
        name, first = denial
        text.taken |= {*range(first, occurrence.start)}
        return replace(occurrence, negated=True, is_removal=name == "removals")
    end = occurrence.end
    while text.word(end) in IS:
        end += 1
    if text.is_in(end, "removed"):
        text.taken |= {*range(occurrence.end, end + 1)}
        return replace(occurrence, negated=True, is_removal=True)
    return _inherit(text, occurrence, start, before)


def _denial_before(text: TokenizedText, end: int) -> tuple[str, int] | None:
    """The list of the table with the words before a token, and the first of them: "without", "get rid of"."""
    for length in (3, 2, 1):
        for name in ("removals", "negations"):
            if text.words(end - length, end) in text.table.text[name]:
                return name, end - length
    return None


def _inherit(text: TokenizedText, occurrence: Occurrence, start: int, before: list[Occurrence]) -> Occurrence:
    """Denied where the denial of the one before reaches it: "no hat or glasses", "remove hat and glasses"."""
    for other in before:
        if (other.start, other.end) == (occurrence.start, occurrence.end):
            return replace(occurrence, negated=other.negated, is_removal=other.is_removal)
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
