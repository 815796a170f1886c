"""Texts from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from styleclip.prompts import DEFAULT_NEUTRAL, Prompt


def given_neutrals(recorded: str | Sequence[str], claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The neutral texts that were given: the default one was not, unless the only claim is against it."""
    texts = [recorded] if isinstance(recorded, str) else list(recorded)
    given = [claim["alternatives"] == texts and claim["attribute"] is None for claim in claims]
    return [] if texts == [DEFAULT_NEUTRAL] and given != [True] else texts


def recorded_prompt(
    target: str, neutral: str | Sequence[str], claims: Sequence[Mapping[str, Any]] = (), force: bool = False
) -> Prompt:
    """The prompt of a record with these texts, and with these claims, where it was read as claims."""
    texts = given_neutrals(neutral, claims)
    if not texts:
        return Prompt(target, force=force)
    return Prompt(target, texts[0] if isinstance(neutral, str) else tuple(texts), force)
