"""`Claim`, one attribute that a prompt asks for, and its description for `--explain`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """One attribute that a prompt asks for, and what a picture may show instead.

    Args:
        phrase: the words of the prompt.
        attribute: its title in the table, such as "hair colour"; None where the table does not know it.
        targets: sentences for CLIP that say it, usually one ("a face with red hair"); several where the prompt leaves
            open which state is meant ("not blonde").
        alternatives: sentences of the other states; empty where they are not known.
        negated: whether the prompt denies the phrase ("without glasses").

    Example:
        Claim("red hair", "hair colour", ("a face with red hair",), ("a face with black hair", "a bald face"))
    """

    phrase: str
    attribute: str | None
    targets: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    negated: bool = False


def describe_claims(claims: Iterable[Claim]) -> list[str]:
    """One line for each claim: what was understood, and from what each face starts."""
    return [_describe(claim) for claim in claims]


def _describe(claim: Claim) -> str:
    phrase = f"not {claim.phrase!r}" if claim.negated else repr(claim.phrase)
    name = phrase if claim.attribute is None else f"{phrase} ({claim.attribute})"
    start = _join(claim.alternatives) if claim.alternatives else "no known alternatives"
    return f"{name}: to {_join(claim.targets)}, from {start}"


def _join(sentences: tuple[str, ...]) -> str:
    """`'a'`, `'a' or 'b'`, `'a', 'b' or 'c'`."""
    *first, last = map(repr, sentences)
    return f"{', '.join(first)} or {last}" if first else last
