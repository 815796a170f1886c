"""Statements about pictures of the demo world, and which of them is true of which picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from styleclip.demo.captions import Claims
from styleclip.demo.world import CLEAR, Faces

NEVER = -2  # a state that no face has: green hair


@dataclass(frozen=True)
class Statement:
    """A text, and when it is true of a picture.

    Args:
        text: the sentence.
        claims: the states that it claims.
        excluded: the states that it says are absent: "a face that is not smiling".
        styles: the styles of STYLES that it fits, with "" for a photo in colour; None where it fits every style.
    """

    text: str
    claims: Claims = field(default_factory=dict)
    excluded: Claims = field(default_factory=dict)
    styles: frozenset[str] | None = None


Pair = tuple[Statement, Statement]  # true and false of the same face


def holds(statement: Statement, labels: Claims) -> bool:
    """Whether a statement is true of a face with these clear states."""
    claimed = all(labels[name] == state for name, state in statement.claims.items())
    return claimed and all(labels[name] not in (-1, state) for name, state in statement.excluded.items())


def truth(statements: Sequence[Statement], people: Faces, styles: Sequence[str] | None = None) -> tuple[Tensor, Tensor]:
    """Two bool tensors [statements, pictures]: `true`, and `unclear` where neither is certain (`captions.matches`).

    `styles` are those of the pictures, "" for a photo; None for photos alone.
    """
    styles = styles if styles is not None else [""] * len(people)
    true = torch.ones(len(statements), len(people), dtype=torch.bool)
    unclear = torch.zeros_like(true)
    blurred = {name: people.values[name].amax(dim=1) < CLEAR for name in people.labels if name in people.values}
    fits = {each.styles for each in statements}
    of_style = {kind: torch.tensor([kind is None or style in kind for style in styles]) for kind in fits}
    for row, item in enumerate(statements):
        for name, state in item.claims.items():
            agrees = people.labels[name] == state
            true[row] &= agrees
            unclear[row] |= blurred[name] & ~agrees
        for name, state in item.excluded.items():
            visible = people.labels[name] >= 0
            true[row] &= visible & (people.labels[name] != state)
            unclear[row] |= ~visible
        true[row] &= of_style[item.styles]
        unclear[row] &= of_style[item.styles]
        if NEVER in item.claims.values():
            unclear[row] = False
    return true, unclear & ~true
