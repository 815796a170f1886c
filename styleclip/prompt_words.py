"""The words of prompts that the CLIP at hand does not know."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from styleclip.networks.clip import CLIP
from styleclip.runtime.warnings_of_thread import warn
from styleclip.text.printable import JOINERS

MAX_NAMED, MAX_WORD_CHARS = 8, 40  # in a warning
LEAST_LIKENESS = 0.8  # of a misspelling, as difflib counts: 1 is the same word


class PromptWarning(UserWarning):
    """A prompt with words that the loaded CLIP does not know, or hardly: of another language, or emoji."""


def warn_unknown_words(clip: CLIP, texts: Sequence[str]) -> None:
    """Issue a PromptWarning for words that this CLIP does not know."""
    if unknown := unknown_words(clip, texts):
        named = ", ".join(_name(word[:MAX_WORD_CHARS], clip.vocabulary or ()) for word in unknown[:MAX_NAMED])
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        if clip.vocabulary is None:
            message = f"the {clip.name} CLIP hardly knows {named}{more}; it reads English words"
        else:
            known = ", ".join(clip.vocabulary)
            message = f"the {clip.name} CLIP does not know {named}{more}; it knows: {known}"
        warn(message, PromptWarning)


def _name(word: str, vocabulary: Iterable[str]) -> str:
    """A word as a warning names it, with the known word that it may be a misspelling of."""
    likely = difflib.get_close_matches(word, list(vocabulary), n=1, cutoff=LEAST_LIKENESS)
    return f"{word!r} (did you mean {likely[0]!r}?)" if likely else repr(word)


def unknown_words(clip: CLIP, texts: Sequence[str]) -> list[str]:
    """The words outside the vocabulary of a small CLIP.

    A full one has none. There these are the words that its tokenizer marks as unknown or breaks into bytes, and for the
    English tokenizer of OpenAI's CLIP those in other letters than Latin, and all of a text without Latin letters.
    """
    words = dict.fromkeys(word for text in texts for word in words_of(text))
    if clip.vocabulary is not None:
        return [word for word in words if word not in clip.vocabulary]
    foreign = {word for text in texts for word in words_of(text) if not any(map(_is_latin, text))}
    return [word for word in words if _is_unknown(clip.tokenizer, word, word in foreign)]


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
