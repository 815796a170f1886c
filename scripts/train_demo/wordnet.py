"""The definitions of English words in the database files of WordNet 3.1 (wndb(5WN))."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

KINDS = ("adj", "noun", "verb", "adv")
ENDINGS = (  # of inflected words -> of their lemma
    ("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"), ("ier", "y"), ("er", ""),
    ("ly", ""), ("y", ""),
)  # fmt: skip
MOST, SYNONYMS = 4, 4  # senses of a word and kind, the most frequent first; synonyms of a sense
WIDER = ("@", "&")  # pointers to what a noun is a kind of, and to the adjective that one is like


class Synset(NamedTuple):
    """Words of one meaning, its definition, and the first synset that is wider."""

    words: tuple[str, ...]
    definition: str
    wider: str | None  # its offset


class WordNet:
    """The files data.* and index.* of a folder."""

    def __init__(self, folder: Path) -> None:
        self._senses: dict[str, list[tuple[Synset, Synset | None]]] = defaultdict(list)
        for kind in KINDS:
            synsets = dict(map(_synset, _lines(folder / f"data.{kind}")))
            for line in _lines(folder / f"index.{kind}"):
                lemma, _, _, pointers, *rest = line.split()
                for offset in rest[int(pointers) + 2 :][:MOST]:
                    self._senses[lemma].append((synsets[offset], synsets.get(synsets[offset].wider or "")))

    def definitions(self, word: str, longest: int = 1000) -> list[str]:
        """The definitions of a word, or of what it is a form of, each with synonyms; none of an unknown word."""
        found = self._senses.get(word) or next(filter(None, map(self._senses.get, lemmas(word))), [])
        texts = []
        for synset, wider in found:
            near = [each for each in synset.words if each != word][:SYNONYMS] + [*(wider.words[:1] if wider else ())]
            texts.append("; ".join(filter(None, (synset.definition[:longest], ", ".join(near)))))
        return texts


def lemmas(word: str) -> list[str]:
    """What a word may be a form of."""
    return [
        word.removesuffix(ending) + instead
        for ending, instead in ENDINGS
        if word.endswith(ending) and len(word) > len(ending) + 2
    ]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("latin-1").splitlines() if not line.startswith("  ")]


def _synset(line: str) -> tuple[str, Synset]:
    """The offset of a synset and the synset, without examples."""
    head, _, gloss = line.partition(" | ")
    offset, _, _, count, *rest = head.split()
    words = tuple(word.partition("(")[0].replace("_", " ") for word in rest[: 2 * int(count, 16) : 2])
    pointers = rest[2 * int(count, 16) + 1 :]
    wider = next((to for sign, to in zip(pointers[::4], pointers[1::4], strict=False) if sign in WIDER), None)
    return offset, Synset(words, gloss.strip().split('; "')[0], wider)
