"""Adjectives that share a noun: "short curly red hair", "hair that is red", "a blue-eyed face", "a blue background"."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from styleclip.claims.occurrence import Occurrence
from styleclip.claims.table import Attribute
from styleclip.claims.tokens import JOINS, MAX_MODIFIERS, MAX_WORDS, TokenizedText
from styleclip.claims.wording import ARTICLE, put_before

MAX_COPULAS = 4  # words between a noun and its adjective: "hair that should be red"
FROM_ONE_TO_ANOTHER = {"to", "into"}


@dataclass(frozen=True)
class Adjective:
    """Words of an attribute beside a noun.

    `words` have the unknown words beside it ("fiery red"), `plain` are without them. `join` stands between it and the
    adjective after it: "and", "or" or nothing. `tokens` are its own and those of the unknown words.
    """

    attribute: Attribute
    states: tuple[str, ...]
    words: str
    plain: str
    join: str
    tokens: frozenset[int]


def read_nouns(text: TokenizedText) -> list[Occurrence]:
    """The adjectives of all nouns that the table knows, one occurrence for each attribute; takes their tokens."""
    found: list[Occurrence] = []
    index = 0
    while index < len(text.tokens):
        end = next((end for words, end in text.phrases_at(index, MAX_WORDS) if words in text.table.nouns), None)
        if end:
            found += _read_noun(text, index, end)
        index = end or index + 1
    return found


def _read_noun(text: TokenizedText, start: int, end: int) -> list[Occurrence]:
    """Adjectives that contradict each other ("blue and red hair") stay unknown, with their noun."""
    nouns = dict(text.table.nouns[text.words(start, end)])
    attributes = [text.table.attributes[name] for name in nouns]
    before = _adjectives_before(text, start, attributes, joined=all(nouns.values()))
    after = _adjectives_after(text, end, attributes, bool(before))
    replaced = {adjective.attribute.name for adjective in after}
    adjectives = [*(adjective for adjective in before if adjective.attribute.name not in replaced), *after]
    if not adjectives:
        return []
    tokens = {*range(start, end)}.union(*(adjective.tokens for adjective in (*before, *after)))
    first, last = min(tokens), max(tokens) + 1
    tokens |= {*range(end, last)}
    joins = {index for index in range(first, last) if text.word(index) in JOINS or text.is_in(index, "copulas")}
    named = dict.fromkeys(adjective.attribute.name for adjective in adjectives)
    merged = [_merge([other for other in adjectives if other.attribute.name == name]) for name in named]
    if None in merged:
        text.unknown |= {*range(first, last)}
        return []
    noun = text.slice(start, end)
    found = []
    for adjective in filter(None, merged):
        name, words = adjective.attribute.name, dict.fromkeys(filter(None, (adjective.words, adjective.plain)))
        wordings = tuple(_wording(each, adjective.attribute, nouns[name], noun).lower() for each in words)
        words_or_all = adjective.words or text.slice(first, start)
        phrase = f"{words_or_all}{' ' if nouns[name] else '-'}{noun}"
        found.append(Occurrence(name, adjective.states, first, last, phrase, wordings))
    found += [text.occurrence(sense, start, end) for sense in text.table.lexicon.get(text.words(start, end), ())]
    text.taken |= tokens | joins
    return found


def _adjectives_before(
    text: TokenizedText, noun: int, attributes: Collection[Attribute], joined: bool
) -> list[Adjective]:
    """The adjectives before a noun, in the order of the prompt; where `joined`, "and" or a comma may part them."""
    found: list[Adjective] = []
    end, join = noun, ""
    while True:
        stop = end
        while not (match := _match_ending(text, stop, attributes)) and end - stop < MAX_MODIFIERS:
            if not text.is_modifier(stop - 1):
                break
            stop -= 1
        if not match:
            break
        attribute, states, start = match
        tokens = {*range(start, stop)} | {index for index in range(stop, end) if not text.is_phrase(index)}
        plain = text.slice(start, stop)
        words = text.slice(start, end) if len(tokens) == end - start else plain
        found.insert(0, Adjective(attribute, states, words, plain, join, frozenset(tokens)))
        end, join = _joins_before(text, start) if joined else (start, "")
    return _add_modifiers(text, found, end) if found and not join else found


def _add_modifiers(text: TokenizedText, found: list[Adjective], end: int) -> list[Adjective]:
    """The unknown words before the first adjective describe it: "fiery red"."""
    start = end
    while end - start < MAX_MODIFIERS and text.is_modifier(start - 1) and not text.is_phrase(start - 1):
        start -= 1
    first, *others = found
    if start == end:
        return found
    words = f"{text.slice(start, end)} {first.words}"
    return [replace(first, words=words, tokens=first.tokens | {*range(start, end)}), *others]


def _adjectives_after(
    text: TokenizedText, end: int, attributes: Collection[Attribute], has_before: bool
) -> list[Adjective]:
    """The adjectives after a noun: "hair that is red", "turn her brown hair to blonde"."""
    index = end
    while index - end < MAX_COPULAS and (text.is_in(index, "copulas") or text.word(index) == ":"):
        index += 1
    if text.word(index) == "from" and (source := _match_starting(text, index + 1, attributes)):
        index = source[2] + 1 if text.word(source[2]) in FROM_ONE_TO_ANOTHER else index
    if has_before and not FROM_ONE_TO_ANOTHER & {*text.words(end, index)}:
        return []
    found: list[Adjective] = []
    last = end
    while match := _match_starting(text, index, attributes):
        attribute, states, last = match
        words = text.slice(index, last)
        found.append(Adjective(attribute, states, words, words, "", frozenset(range(index, last))))
        index, join = _joins_after(text, last)
        found[-1] = replace(found[-1], join=join)
    if text.is_noun(last) or (text.is_modifier(last) and text.is_noun(last + 1)):
        return []  # they belong to the noun after them: "red hair blue eyes"
    return found


def _match_ending(
    text: TokenizedText, end: int, attributes: Collection[Attribute]
) -> tuple[Attribute, tuple[str, ...], int] | None:
    """The longest words of an attribute that end before the token `end`; its states and first token."""
    for start in range(max(0, end - MAX_WORDS), end):
        for attribute in attributes:
            if (words := text.words(start, end)) in attribute.words:
                return attribute, attribute.words[words], start
    return None


def _match_starting(
    text: TokenizedText, start: int, attributes: Collection[Attribute]
) -> tuple[Attribute, tuple[str, ...], int] | None:
    """The longest words of an attribute that start at a token and belong to no noun; their states and end."""
    for words, end in text.phrases_at(start, MAX_WORDS):
        for attribute in attributes:
            if words in attribute.words and not text.is_noun(end):
                return attribute, attribute.words[words], end
    return None


def _joins_before(text: TokenizedText, index: int) -> tuple[int, str]:
    """The token after the adjective before `, and`, and what joins the two."""
    start = index
    while text.word(start - 1) in JOINS:
        start -= 1
    return start, _join(text.words(start, index))


def _joins_after(text: TokenizedText, index: int) -> tuple[int, str]:
    end = index
    while text.word(end) in JOINS:
        end += 1
    return end, _join(text.words(index, end))


def _join(words: Collection[str]) -> str:
    return "or" if "or" in words or "nor" in words else "and" if words else ""


def _merge(group: list[Adjective]) -> Adjective | None:
    """The adjectives of an attribute as one: the last of "dark red", both of "red or blonde"; None if contradictory."""
    *others, merged = group
    for adjective in reversed(others):
        if adjective.join == "or":
            states = tuple(dict.fromkeys((*adjective.states, *merged.states)))
            merged = replace(merged, states=states, words="", plain="")
        elif adjective.join:
            states = tuple(state for state in merged.states if state in adjective.states)
            if not states:
                return None
            merged = replace(merged, states=states)
        else:
            merged = replace(merged, words=f"{adjective.words} {merged.words}")
    return merged


def _wording(words: str, attribute: Attribute, noun: str, noun_text: str) -> str:
    """`red` and `hair` -> "~ with red hair"; without a noun, `red` and `haired` -> "red-haired ~"."""
    if not noun:
        return f"{words}-{noun_text} ~"
    return f"~ {attribute.join} {put_before(words, f'a {noun_text}' if ARTICLE.match(noun) else noun_text)}"
