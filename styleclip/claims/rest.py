"""The rest of a prompt: what the table does not know, without the phrases that it knows."""

from __future__ import annotations

from styleclip.claims.tokens import JOINS, TokenizedText
from styleclip.claims.wording import indefinite

HEADS = ("with", "wearing", "in", "on", "having", "has", "showing")
PRONOUNS = ("he", "she", "they", "him", "her", "them", "it", "i", "you", "who", "whose", "his", "their", "my", "your")


def has_content(text: TokenizedText) -> bool:
    """Whether a token is left that is neither a subject nor a filler."""
    return any(_is_content(text, index) for index in _free(text))


def rest_of(text: TokenizedText, subject: str) -> str:
    """The text that is left, without the words that led to the phrases taken: "with", "and a", "make her"."""
    rest, lead = "", list[str]()  # lead: the words before the last phrase taken
    for start, end in _segments(text):
        first, last = _trim(text, start, end)
        if any(_is_content(text, index) or text.is_in(index, "subjects") for index in range(first, last)):
            rest = _append(rest, text, (start, first, last), lead)
            lead = []
        lead = [text.tokens[index].word for index in range(max(start, last), end)] or lead
    rest = rest.strip(" ,;.")
    return f"{subject} {rest}" if rest.lower().split(" ")[0] in HEADS else rest


def _trim(text: TokenizedText, start: int, end: int) -> tuple[int, int]:
    """A run of tokens without joins and verbs at its head and without what leads to the phrase after it."""
    first, last = start, end
    while first < last and (_word(text, first) in JOINS or (first == start and text.is_in(first, "imperatives"))):
        first += 1
        while first < last and text.word(first - 1) not in JOINS and _word(text, first) in PRONOUNS:
            first += 1
    while last > first and end < len(text.tokens) and _leads_on(text, last - 1):
        last -= 1
    return first, last


def _append(rest: str, text: TokenizedText, segment: tuple[int, int, int], lead: list[str]) -> str:
    """The rest with the tokens `first` to before `last` of a run that begins with joins at `start`."""
    start, first, last = segment
    piece = text.slice(first, last)
    joins = [_word(text, index) for index in range(start, first)]
    if rest and joins:
        head = next((word for word in lead if word in HEADS), "and")
        return f"{rest}, {piece}" if set(joins) == {","} else f"{rest} {head} {piece}"
    is_noun = not text.is_in(first, "fillers") and text.word(first)[:1].isalnum()
    words = [word for word in lead if word[:1].isalpha() and not (rest and word in JOINS)]
    if is_noun and words:
        *before, article = words
        piece = indefinite(piece) if article in ("a", "an") else f"{article} {piece}"
        piece = " ".join([*_without_imperative(text, before, bool(rest)), piece])
    return f"{rest} {piece}".strip()


def _without_imperative(text: TokenizedText, words: list[str], is_inside: bool) -> list[str]:
    """`make her` at the head of a prompt says nothing about the picture."""
    if is_inside or not words or (words[0],) not in text.table.text["imperatives"]:
        return words
    return [word for word in words[1:] if word not in PRONOUNS]


def _segments(text: TokenizedText) -> list[tuple[int, int]]:
    """The runs of tokens that no phrase took, as first token and the one after."""
    segments: list[tuple[int, int]] = []
    for index in _free(text):
        start = segments.pop()[0] if segments and segments[-1][1] == index else index
        segments.append((start, index + 1))
    return segments


def _free(text: TokenizedText) -> list[int]:
    return [index for index in range(len(text.tokens)) if index not in text.taken]


def _word(text: TokenizedText, index: int) -> str:
    return text.tokens[index].word


def _is_content(text: TokenizedText, index: int) -> bool:
    if index in text.unknown:
        return True
    is_word = _word(text, index)[0].isalnum()
    return is_word and not text.is_in(index, "subjects", "fillers", "determiners", "imperatives")


def _leads_on(text: TokenizedText, index: int) -> bool:
    """Whether a token leads to the phrase after it."""
    if index in text.unknown:
        return False
    word = _word(text, index)
    is_known = text.is_in(index, "fillers", "determiners", "imperatives")
    return is_known or word in PRONOUNS or not word[0].isalnum()
