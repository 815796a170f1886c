"""The four perturbations of word order of the ARO benchmark (Yuksekgonul et al. 2023, section 3.2)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Literal

Tag = Literal["noun", "adjective", "other"]


def shuffle_nouns_and_adjectives(words: Sequence[str], tags: Sequence[Tag], rng: random.Random) -> list[str]:
    """Nouns change places with nouns, adjectives with adjectives."""
    shuffled = [*words]
    for kind in ("noun", "adjective"):
        _shuffle_places(shuffled, [i for i, tag in enumerate(tags) if tag == kind], rng)
    return shuffled


def shuffle_other_words(words: Sequence[str], tags: Sequence[Tag], rng: random.Random) -> list[str]:
    """All words but nouns and adjectives change places."""
    shuffled = [*words]
    _shuffle_places(shuffled, [i for i, tag in enumerate(tags) if tag == "other"], rng)
    return shuffled


def shuffle_within_trigrams(words: Sequence[str], tags: Sequence[Tag], rng: random.Random) -> list[str]:
    """The words of each three in a row change places."""
    return [word for part in _trigrams(words) for word in rng.sample(part, len(part))]


def shuffle_trigrams(words: Sequence[str], tags: Sequence[Tag], rng: random.Random) -> list[str]:
    """Each three words in a row stay together and change places with other threes."""
    parts = _trigrams(words)
    return [word for part in rng.sample(parts, len(parts)) for word in part]


perturbations: tuple[Callable[[Sequence[str], Sequence[Tag], random.Random], list[str]], ...] = (
    shuffle_nouns_and_adjectives,
    shuffle_other_words,
    shuffle_within_trigrams,
    shuffle_trigrams,
)


def _trigrams(words: Sequence[str]) -> list[list[str]]:
    return [[*words[start : start + 3]] for start in range(0, len(words), 3)]


def _shuffle_places(words: list[str], places: Sequence[int], rng: random.Random) -> None:
    """Shuffle the words at these places among one another."""
    drawn = rng.sample([words[i] for i in places], len(places))
    for i, word in zip(places, drawn, strict=True):
        words[i] = word
