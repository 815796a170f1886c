"""The ideal edit of a face in the demo world: the claimed states are set, what hides them goes, and all else stays."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.demo.captions import Claims, state_names
from styleclip.demo.world import CLEAR, HIDDEN_BY, faces, with_state

NOT_HIDING = 0  # the state without hat, eyewear or baldness


def ideal_z(z: Tensor, claims: Claims) -> Tensor:
    """The z [N, 64] of the same faces with the claimed states visible; |z|^2 of those that change is 64.

    An attribute that clearly has its claimed state keeps its value.
    """
    for name, hiding in hiders(claims).items():
        hides = faces(z).values[name].argmax(dim=1) == hiding
        z = _set_where(hides, z, name, NOT_HIDING)
    for name, state in claims.items():
        clear = faces(z).values[name][:, state] >= CLEAR
        z = _set_where(~clear, z, name, state)
    return z


def hiders(claims: Claims) -> Claims:
    """The states of other attributes that hide a claimed one: baldness and a hat for bangs."""
    pairs = (pair for name in claims for pair in HIDDEN_BY.get(name, ()))
    return {hider: hiding for hider, hiding in pairs if hider not in claims}


def _set_where(rows: Tensor, z: Tensor, name: str, state: int) -> Tensor:
    """z with the state set in these rows [N]."""
    return torch.where(rows[:, None], with_state(z, name, state_names(name)[state]), z)
