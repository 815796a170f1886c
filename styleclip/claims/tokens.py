"""A prompt as tokens, and the tokens that phrases of the table have taken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from styleclip.claims.occurrence import Occurrence
from styleclip.claims.table import Sense, Table
from styleclip.claims.wording import put_before

TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|[^\w\s-]")
JOINS = ("and", "or", "nor", "but", "yet", "&", ",", "plus", "+", "/")
MAX_WORDS = 3  # of an adjective or a noun
MAX_MODIFIERS = 2  # unknown words before a phrase that describe it: "thick round glasses"


@dataclass(frozen=True)
class Token:
    """A word in lower case or a punctuation mark, and its place in the text. A hyphen parts words."""

    word: str
    start: int
    end: int
    is_name: bool


@dataclass
class TokenizedText:
    """A prompt, the tokens `taken` by phrases that were found, and the `unknown` ones that belong together."""

    text: str
    table: Table
    tokens: tuple[Token, ...] = ()
    taken: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tokens = tuple(map(_token, TOKEN.finditer(self.text)))

    def word(self, index: int) -> str:
        """The word of a free token; empty beyond both ends and where the token is taken or unknown."""
        is_free = 0 <= index < len(self.tokens) and index not in self.taken and index not in self.unknown
        return self.tokens[index].word if is_free else ""

    def words(self, start: int, end: int) -> tuple[str, ...]:
        return tuple(self.word(index) for index in range(start, end))

    def slice(self, start: int, end: int) -> str:
        """The text from the token `start` to before the token `end`."""
        return self.text[self.tokens[start].start : self.tokens[end - 1].end]

    def is_in(self, index: int, *lists: str) -> bool:
        """Whether a free token is a word of these lists of the table."""
        return any((self.word(index),) in self.table.text[name] for name in lists)

    def is_phrase(self, index: int) -> bool:
        """Whether a free token alone is a phrase of the table."""
        return (self.word(index),) in self.table.lexicon

    def is_noun(self, index: int) -> bool:
        """Whether a noun that adjectives stand before starts at a token."""
        return any(words in self.table.nouns for words, _ in self.phrases_at(index, MAX_WORDS))

    def is_modifier(self, index: int) -> bool:
        """Whether a free token may describe the noun after it: a word of no list, and not part of a name."""
        lists = ("subjects", "fillers", "determiners", "negations", "removals", "imperatives")
        word = self.word(index)
        return (
            word[:1].isalnum()
            and word not in JOINS
            and not self.is_in(index, *lists)
            and not self.tokens[index].is_name
        )

    def is_name(self, index: int) -> bool:
        """Whether a token has a capital and does not start the text."""
        return index < len(self.tokens) and self.tokens[index].is_name

    def phrases_at(self, start: int, longest: int) -> list[tuple[tuple[str, ...], int]]:
        """The phrases that start at a token, without determiners, each with the token after it; the longest first."""
        found: list[tuple[tuple[str, ...], int]] = []
        words: tuple[str, ...] = ()
        index = start
        while (word := self.word(index)) and len(words) < longest:
            if not words or not self.is_in(index, "determiners"):
                words = (*words, word)
                found.append((words, index + 1))
            index += 1
        return found[::-1]

    def occurrence(self, sense: Sense, start: int, end: int, first: int | None = None) -> Occurrence:
        """A phrase of the table with the unknown words from the token `first`, which describe it."""
        first = start if first is None else first
        join = self.table.attributes[sense.attribute].join
        wordings = [sense.wording] if sense.wording else []
        if sense.noun:
            wordings = [f"~ {join} {sense.noun}"]
            if first < start:
                wordings.insert(0, f"~ {join} {put_before(self.slice(first, start).lower(), sense.noun)}")
        return Occurrence(sense.attribute, sense.states, first, end, self.slice(first, end), tuple(wordings))


def _token(match: re.Match[str]) -> Token:
    word = re.sub(r"'(s|re)$", "", match[0].lower().replace("’", "'"))
    return Token(word, match.start(), match.end(), match[0][0].isupper() and match.start() > 0)
