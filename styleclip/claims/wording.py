"""Wordings: phrases with `~` for the subject ("~ with red hair", "smiling ~"), and the sentences they make."""

from __future__ import annotations

import re
from collections.abc import Collection

SUBJECT = "a face"
VOWEL_SOUND = re.compile(r"(?!uni|eu|one\b|us[eu])[aeiou]|hour|honest|heir", re.I)
ARTICLE = re.compile(r"(?:an?|the) ", re.I)


def sentence(wording: str, subject: str = SUBJECT) -> str:
    """`smiling ~` -> "a smiling face"; "a redhead", which has no `~`, stays."""
    before, tilde, after = wording.partition("~")
    if not tilde:
        return wording
    return (indefinite(before + remove_article(subject)) if before else subject) + after


def indefinite(phrase: str) -> str:
    """`old face` -> "an old face"."""
    return f"{'an' if VOWEL_SOUND.match(phrase) else 'a'} {phrase}"


def remove_article(phrase: str) -> str:
    return ARTICLE.sub("", phrase, count=1) if ARTICLE.match(phrase) else phrase


def put_before(words: str, noun: str) -> str:
    """`red` and "a hat" -> "a red hat"; `red` and "hair" -> "red hair"."""
    phrase = f"{words} {remove_article(noun)}"
    return indefinite(phrase) if ARTICLE.match(noun) else phrase


def words_of(text: str) -> tuple[str, ...]:
    """The words in lower case; a hyphen parts words."""
    return tuple(re.findall(r"\w+(?:'\w+)?", text.lower().replace("’", "'")))


def is_known(text: str, vocabulary: Collection[str] | None) -> bool:
    """Whether a CLIP of these words knows all words of the text; None knows all."""
    return vocabulary is None or all(word in vocabulary for word in re.findall(r"[a-z]+", text.lower()))
