"""What the judge sees of the claims of a prompt and of the other attributes, before and after an edit."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.demo.captions import Claims
from styleclip.demo.ideal import NOT_HIDING, hiders
from styleclip.demo.judge import Verdict
from styleclip.demo.world import HIDDEN_BY
from styleclip.evaluate.flips import has_changed


def shown_claims(verdict: Verdict, claims: Claims) -> dict[str, Tensor]:
    """Attribute -> [N] bool: whether the claimed state is the most probable one, and nothing hides it."""
    return {name: (verdict[name].argmax(dim=1) == state) & is_visible(verdict, name) for name, state in claims.items()}


def is_visible(verdict: Verdict, name: str) -> Tensor:
    """[N] bool: whether no other attribute hides this one."""
    visible = torch.ones(len(verdict[name]), dtype=torch.bool)
    for hider, hiding in HIDDEN_BY.get(name, ()):
        visible &= verdict[hider].argmax(dim=1) != hiding
    return visible


def flips(before: Verdict, after: Verdict, claims: Claims) -> dict[str, Tensor]:
    """Attribute -> [N] bool: the attributes without a claim that clearly changed, where they are visible both times.

    That what hid a claimed attribute went is no flip.
    """
    changes = {
        name: has_changed(before[name], after[name]) & is_visible(before, name) & is_visible(after, name)
        for name in before
        if name not in claims
    }
    for name, hiding in hiders(claims).items():
        went = (before[name].argmax(dim=1) == hiding) & (after[name].argmax(dim=1) == NOT_HIDING)
        changes[name] &= ~went
    return changes
