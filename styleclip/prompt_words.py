"""The words of prompts that the CLIP at hand does not know."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from styleclip.claims.table import known_attributes
from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP
from styleclip.networks.tokenizers import WordTokenizer, byte_pair_tokenizer
from styleclip.runtime.warnings_of_thread import warn
from styleclip.text.printable import JOINERS

MAX_NAMED, MAX_WORD_CHARS = 8, 40  # in a message
MAX_NEAREST = 3  # known words that a message offers for an unknown one
LEAST_LIKENESS = 0.8  # of a misspelling, as difflib counts: 1 is the same word


class PromptWarning(UserWarning):
    """A prompt with words that the loaded CLIP does not know, or hardly: of another language, or emoji."""


class UnknownWordsError(UsageError):
    """An edit by words that a small CLIP does not know; `sentence` says which, without the option that forces it."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(f"{sentence}, or pass --force (in Python force=True) to edit anyway")


def check_words(clip: CLIP, texts: Sequence[str], force: bool = False) -> None:
    """Raise UnknownWordsError for words of an edit that a small CLIP does not know; with `force` warn of them.

    The error offers the nearest known words, and where a word has none the attributes that the CLIP has words for.
    A full CLIP knows all words a little, so its unknown words are a PromptWarning.
    """
    if clip.vocabulary is not None and not force and (nearest := nearest_words(clip, texts)):
        known = [] if all(nearest.values()) else known_attributes(clip.vocabulary)
        raise UnknownWordsError(_sentence(clip, nearest, [attribute.title for attribute, _ in known]))
    warn_unknown_words(clip, texts)


def warn_unknown_words(clip: CLIP, texts: Sequence[str]) -> None:
    """Issue a PromptWarning for words that this CLIP does not know."""
    if nearest := nearest_words(clip, texts):
        warn(_sentence(clip, nearest), PromptWarning)


def nearest_words(clip: CLIP, texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The unknown words of the texts, each with the nearest known ones; () for none.

    They are the nearest in meaning, where the CLIP tells them, else those that a misspelled word may be.
    """
    return {word: _nearest(clip, word) for word in unknown_words(clip, texts)}


def _sentence(clip: CLIP, nearest: Mapping[str, Sequence[str]], titles: Sequence[str] = ()) -> str:
    """The sentence on unknown words. `titles` are the attributes that a small CLIP has words for."""
    if clip.vocabulary is None:
        return f"the {clip.name} CLIP hardly knows {_join(nearest)}; it reads English words"
    known = f"; it has words for {_listed(titles)}" if titles else ""
    return f"the {clip.name} CLIP does not know {_join(nearest)}{known}; say it in other words"


def _nearest(clip: CLIP, word: str) -> tuple[str, ...]:
    near: Sequence[str] = clip.neighbours.get(word, ())
    if not near and clip.vocabulary and not _is_whole_token(word):
        near = difflib.get_close_matches(word[:MAX_WORD_CHARS], list(clip.vocabulary), MAX_NEAREST, LEAST_LIKENESS)
    return tuple(near[:MAX_NEAREST])


def _is_whole_token(word: str) -> bool:
    """Whether a word is one token of OpenAI's CLIP: a common word, so no misspelling of another ("cute" of "cut")."""
    return f"{word}</w>" in byte_pair_tokenizer().encoder


def _join(nearest: Mapping[str, Sequence[str]]) -> str:
    """`'specs' (nearest: 'glasses') and 'zebra'`."""
    named = [_name(*pair) for pair in list(nearest.items())[:MAX_NAMED]]
    if len(nearest) > MAX_NAMED:
        named.append(f"{len(nearest) - MAX_NAMED} more")
    return _listed(named)


def _listed(names: Sequence[str]) -> str:
    """`age, hat and nose`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _name(word: str, nearest: Sequence[str]) -> str:
    """A word as a message names it, with the nearest known ones."""
    named = repr(word[:MAX_WORD_CHARS])
    return f"{named} (nearest: {', '.join(map(repr, nearest))})" if nearest else named


def unknown_words(clip: CLIP, texts: Sequence[str]) -> list[str]:
    """The words outside the vocabulary of a small CLIP.

    A full one has none. There these are the words that its tokenizer marks as unknown or breaks into bytes, and for the
    English tokenizer of OpenAI's CLIP those in other letters than Latin, and all of a text without Latin letters.
    """
    if clip.vocabulary is not None:
        return list(dict.fromkeys(word for text in texts for word in _unknown_to_small(clip, text)))
    words = dict.fromkeys(word for text in texts for word in words_of(text))
    foreign = {word for text in texts for word in words_of(text) if not any(map(_is_latin, text))}
    return [word for word in words if _is_unknown(clip.tokenizer, word, word in foreign)]


def _unknown_to_small(clip: CLIP, text: str) -> list[str]:
    """The unknown words of a text as a small CLIP reads it; those in other letters and symbols whole."""
    words = [word for word in words_of(text) if word not in (clip.vocabulary or ())]
    if not isinstance(clip.tokenizer, WordTokenizer):
        return words
    read = clip.tokenizer.unknown_words(unicodedata.normalize("NFC", text))
    return [*filter(str.isascii, read), *(word for word in words if not word.isascii())]


def words_of(text: str) -> list[str]:
    """The words of a text in small letters: runs of letters and digits of any script, and runs of emoji or symbols."""
    words: list[str] = []
    before = " "  # the kind of the last character: L for letters and digits, S for symbols
    for character in text.lower():
        kind = unicodedata.category(character)[0]
        if (kind == "M" or character in JOINERS) and before != " ":
            words[-1] += character
            continue
        kind = "L" if kind in "LN" else "S" if kind == "S" and not character.isascii() else " "
        if kind != " ":
            words += [""] * (kind != before)
            words[-1] += character
        before = kind
    return words


def _is_unknown(tokenizer: Any, word: str, foreign: bool) -> bool:
    if hasattr(tokenizer, "byte_decoder"):  # open_clip's SimpleTokenizer, byte-pair tokens of English texts
        return foreign or not all(map(_is_latin, filter(str.isalpha, word))) or _has_byte_pieces(tokenizer, word)
    inner = getattr(tokenizer, "tokenizer", None)  # of Hugging Face
    unknown = getattr(inner, "unk_token_id", None)
    return inner is not None and unknown is not None and unknown in inner.encode(word, add_special_tokens=False)


def _has_byte_pieces(tokenizer: Any, word: str) -> bool:
    """Whether a token of the word is a part of a character."""
    pieces: Iterable[str] = (tokenizer.decoder[token].removesuffix("</w>") for token in tokenizer.encode(word))
    for piece in pieces:
        try:
            bytes(tokenizer.byte_decoder[c] for c in piece).decode()
        except UnicodeDecodeError:
            return True
    return False


def _is_latin(character: str) -> bool:
    return character.isalpha() and "LATIN" in unicodedata.name(character, "")
