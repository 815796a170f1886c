"""Texts as the numbers of English words, for a small CLIP."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

UNKNOWN = 2  # number of a word that is not in the vocabulary
# words of letters and digits, with apostrophes and hyphens
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*(?:-[^\W_]+(?:'[^\W_]+)*)*")


class WordTokenizer:
    """Texts -> [N, context] int64, one number a word, padded with zeros.

    Start of text is 1, unknown is 2, the known words follow from 3, and end of text is the largest number, so that
    pooling at the largest token works as in CLIP. Punctuation and symbols have no number.

    Args:
        known: the words, in small letters; word i has number 3 + i.
        context: numbers in a row, with start and end; longer texts are cut.

    Example:
        WordTokenizer(["a", "face", "isn't"], context=6)(["A face"])  # [[1, 3, 4, 6, 0, 0]]
    """

    def __init__(self, known: Sequence[str], context: int) -> None:
        self.context = context
        self._number = {word: i for i, word in enumerate(known, start=3)}
        self.end = 3 + len(known)

    @property
    def vocab_size(self) -> int:
        return self.end + 1

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        context = context_length or self.context
        rows = []
        for text in texts:
            numbers = [self._number.get(word, UNKNOWN) for word in self.words(text)[: context - 2]]
            rows.append([1, *numbers, self.end, *[0] * (context - 2 - len(numbers))])
        return torch.tensor(rows, dtype=torch.long).reshape(len(texts), context)

    def words(self, text: str) -> list[str]:
        """The words of a text, known or not: "make-up" is "makeup" where that is known, else "make" and "up".

        A possessive is the word itself ("man's" is "man"), unless it is known.
        """
        found: list[str] = []
        for match in WORD.findall(text.lower().replace("\u2019", "'")):
            joined = match.replace("-", "")
            parts = [joined] if "-" in match and joined in self._number else match.split("-")
            found += [part if part in self._number else part.removesuffix("'s") for part in parts]
        return found

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that are not in the vocabulary, in their order, each once."""
        return [word for word in dict.fromkeys(self.words(text)) if word not in self._number]
