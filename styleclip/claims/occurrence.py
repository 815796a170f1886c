"""`Occurrence`, a phrase of the table in a prompt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Occurrence:
    """States of an attribute that a prompt names in the tokens `start` to before `end`.

    Args:
        attribute: its name in the table.
        states: usually one; several where the words leave open which.
        start: the first token.
        end: the token after the last.
        phrase: the words of the prompt.
        wordings: wordings with the words of the prompt, the fullest first.
        negated: whether the prompt denies it.
        is_removal: whether a verb denies it ("remove the glasses").
    """

    attribute: str
    states: tuple[str, ...]
    start: int
    end: int
    phrase: str
    wordings: tuple[str, ...] = ()
    negated: bool = False
    is_removal: bool = False
