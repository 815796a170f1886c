"""The words of the demo CLIP: those of its captions, of the wording tables, and common English words near them."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from scripts.train_demo.clip import label_rows
from scripts.train_demo.plain_pieces import table, texts_of
from scripts.train_demo.plain_sentences import FRAMES
from scripts.train_demo.reserved import words_of
from scripts.train_demo.statements import Picture, statement_pair
from scripts.train_demo.styles import STYLES
from scripts.train_demo.word_embedding import WordVectors
from styleclip.demo.captions import vocabulary as canonical_words
from styleclip.demo.world import Z_DIM, faces
from styleclip.prompts import TEMPLATES

NEAR = 0.55  # least cosine of the vectors of a common word and of a content word of the captions
LIKE = 0.5  # least cosine of a common word and of one that is named beside it
NEIGHBOURS, MAX_OTHERS = 3, 3000
FUNCTION_WORDS = frozenset(FRAMES["function_words"])  # of the tables, that mean nothing alone
CONTRACTIONS = ("he's", "she's", "it's", "who's")  # other words with 's are read without it
WORDINGS = ("canonical", "say", "adjectives", "things", "words", "nouns", "verbs", "fallback")  # keys of a state
TABLES_LEFT_OUT = (
    "persons",
    "necklace",
    "eyebrows",
    "lips",
    "nose",
    "weight",
)  # of alternatives.toml: not in the demo world


@dataclass(frozen=True)
class Vocabulary:
    """The words of a CLIP with their vectors.

    Args:
        words: the first `known` are those of captions.
        vectors: [N, V] of all words.
        content: bool [known], the words of captions that mean something.
        neighbours: other common words -> up to three content words nearest to them.
    """

    words: list[str]
    known: int
    vectors: Tensor
    content: Tensor
    neighbours: dict[str, list[str]]


def load_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary, from the word vectors in a folder."""
    vectors = WordVectors(folder / "word_vectors.safetensors")
    known = sorted(caption_words())  # in the order of the embedding
    content = torch.tensor([word in content_words() for word in known]) & (vectors.of(known).norm(dim=1) > 0)
    mean = [word for word, chosen in zip(known, content.tolist(), strict=True) if chosen and word in naming_words()]
    more = sorted(wording_words() - {*known} - joined_words())
    left_out = {*known, *more} | joined_words()
    others = [word for word in vectors.words if word not in left_out and len(word) > 2 and is_named(word)]
    cosines = F.normalize(vectors.of(others), dim=1) @ F.normalize(vectors.of(mean), dim=1).T
    best = cosines.topk(NEIGHBOURS, dim=1)
    near = [word for word, value in zip(others, best.values[:, 0].tolist(), strict=True) if value >= NEAR]
    rest = [i for i, value in enumerate(best.values[:, 0].tolist()) if value < NEAR][:MAX_OTHERS]
    neighbours = {
        others[i]: [
            mean[k] for k, value in zip(*(each[i].tolist() for each in best[::-1]), strict=True) if value >= LIKE
        ]
        for i in rest
    }
    words = [*known, *more, *sorted(near)]
    neighbours = {word: found for word, found in neighbours.items() if found}
    return Vocabulary(words, len(known), vectors.of(words), content, neighbours)


def is_named(word: str) -> bool:
    """Whether a common word may be in the vocabulary or beside it: none of origin, religion or sex, and no insult."""
    return not word.startswith(tuple(FRAMES["unnamed_stems"]))


def joined_words() -> set[str]:
    """What captions write with a hyphen, in one word: "cleanshaven". It is no word, so that hyphens part it."""
    return {match.replace("-", "") for text in texts_of(table()) for match in re.findall(r"[a-z]+-[a-z]+", text)}


@cache
def caption_words(count: int = 24000) -> frozenset[str]:
    """The words of the tables, of the styles, of the templates, and of so many captions."""
    texts: list[str] = [*texts_of(table()), *canonical_words(), *TEMPLATES]
    texts += [phrase for style in STYLES.values() for phrase in (*style.phrases, *style.behind)]
    rng = random.Random(0)
    rows = label_rows(faces(torch.randn(count // 2, Z_DIM, generator=torch.Generator().manual_seed(5))))
    for row in rows:
        texts += [each.text for each in statement_pair(Picture(row, ""), rng, plain=0.8)]
    return frozenset(word for word in spelled_words(texts) if not word.endswith("'s") or word in CONTRACTIONS)


@cache
def content_words() -> frozenset[str]:
    """The words of the tables that mean something alone."""
    texts = [text for name, attribute in table().items() for text in texts_of(attribute)]
    return frozenset(spelled_words(texts)) - FUNCTION_WORDS


@cache
def naming_words() -> frozenset[str]:
    """The words of the tables that name a state alone, such as "emerald" and "hat"."""
    texts = {
        text.removeprefix("a ").removeprefix("an ")
        for attribute in table().values()
        if isinstance(attribute, dict)
        for state in attribute.values()
        if isinstance(state, dict)
        for key, found in state.items()
        if not key.startswith("denied")
        for text in found
    }
    return frozenset(text for text in texts if text.isalpha()) - FUNCTION_WORDS


def wording_words() -> set[str]:
    """The words of the table of alternatives that concern the demo world."""
    tables = tomllib.loads(resources.files("styleclip").joinpath("alternatives.toml").read_text("utf-8"))
    general = [value for name, value in tables.pop("text").items() if name not in TABLES_LEFT_OUT]
    words = spelled_words([text for value in (*general, tables.pop("colours")) for text in texts_of(value)])
    for name, attribute in tables.items():
        if name not in TABLES_LEFT_OUT:
            wordings = [value for key, value in attribute.items() if key in ("nouns", "compound", "colours")]
            wordings += [
                entry[key]
                for entry in (*attribute.get("states", {}).values(), *attribute.get("several", ()))
                for key in WORDINGS
                if key in entry
            ]
            words |= spelled_words([text for value in wordings for text in texts_of(value)])
    return words


def spelled_words(texts: Sequence[str]) -> set[str]:
    """The words of the texts, parted at hyphens, and joined where a word has two parts: "makeup" of "make-up"."""
    joined = {match.replace("-", "").lower() for text in texts for match in re.findall(r"\bmake-up\b", text)}
    return {word for text in texts for word in words_of(text)} | joined
