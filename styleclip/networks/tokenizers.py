"""Texts as numbers: byte pairs as CLIP reads them, and for small models a subset of them or whole English words."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer

UNKNOWN = 2  # number of a token that is not known
# words of letters and digits, with apostrophes and hyphens
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*(?:-[^\W_]+(?:'[^\W_]+)*)*")


@lru_cache(maxsize=4)
def byte_pair_tokenizer(context: int = 77) -> SimpleTokenizer:
    """CLIP's byte-pair tokenizer. Reading its merges takes 0.1 s and 30 MB, so the models of a process share it."""
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(context_length=context)


@lru_cache(maxsize=2**14)
def _byte_pairs(text: str) -> tuple[int, ...]:
    """The byte-pair tokens of a text, which is encoded once for its length, its features and those of other models."""
    return tuple(byte_pair_tokenizer().encode(text))


class SmallTokenizer(ABC):
    """Texts -> [N, context] int64, padded with zeros, for a model with few tokens.

    Start of text is 1, unknown is 2, the known tokens follow from 3, and end of text is the largest number, so that
    pooling at the largest token works as in CLIP.

    Args:
        known: the tokens; token i has number 3 + i.
        context: numbers in a row, with start and end; longer texts are cut.
    """

    def __init__(self, known: Sequence[Hashable], context: int) -> None:
        self.context = context
        self.number = {token: i for i, token in enumerate(known, start=3)}
        self.end = 3 + len(known)

    @property
    def vocab_size(self) -> int:
        return self.end + 1

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        context = context_length or self.context
        rows = []
        for text in texts:
            numbers = [self.number.get(token, UNKNOWN) for token in self.tokens(text)[: context - 2]]
            rows.append([1, *numbers, self.end, *[0] * (context - 2 - len(numbers))])
        return torch.tensor(rows, dtype=torch.long).reshape(len(texts), context)

    @abstractmethod
    def tokens(self, text: str) -> Sequence[Hashable]:
        """The tokens of a text, known or not."""


class CompactTokenizer(SmallTokenizer):
    """CLIP's byte-pair tokens, renumbered for a small model with a subset of them."""

    def tokens(self, text: str) -> Sequence[Hashable]:
        return _byte_pairs(text)

    @staticmethod
    def tokens_of(words: Sequence[str]) -> list[int]:
        """The byte-pair tokens of these words, for `known`."""
        return sorted({token for word in words for token in _byte_pairs(word)})


class WordTokenizer(SmallTokenizer):
    """Words in small letters, one number each. Punctuation and symbols have no number.

    Example:
        WordTokenizer(["a", "face", "isn't"], context=6)(["A face"])  # [[1, 3, 4, 6, 0, 0]]
    """

    def tokens(self, text: str) -> Sequence[Hashable]:
        return self.words(text)

    def words(self, text: str) -> list[str]:
        """The words of a text, known or not: "make-up" is "makeup" where that is known, else "make" and "up".

        A possessive is the word itself ("man's" is "man"), unless it is known.
        """
        found: list[str] = []
        for match in WORD.findall(text.lower().replace("\u2019", "'")):
            joined = match.replace("-", "")
            parts = [joined] if "-" in match and joined in self.number else match.split("-")
            found += [part if part in self.number else part.removesuffix("'s") for part in parts]
        return found

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that are not in the vocabulary, in their order, each once."""
        return [word for word in dict.fromkeys(self.words(text)) if word not in self.number]
