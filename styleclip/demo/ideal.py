"""The ideal edit of a face in the demo world: the asked attributes change, and what hides them goes; all else stays."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.demo.captions import Claims, state_names
from styleclip.demo.world import HIDDEN_BY, faces, with_state


def ideal_z(z: Tensor, claims: Claims) -> Tensor:
    """The z [N, 64] of the same faces with the claimed states; |z|^2 is 64.

    An attribute that shows its claimed state already keeps its value.
    """
    for name, state in (unhidden(claims) | claims).items():
        shown = faces(z).values[name].argmax(dim=1)
        z = torch.where((shown == state)[:, None], z, with_state(z, name, state_names(name)[state]))
    return z


def unhidden(claims: Claims) -> Claims:
    """The states of the other attributes that hide none of the claimed ones: no hat and a head of hair for bangs."""
    hiders = (hider for name in claims for hider, _ in HIDDEN_BY.get(name, ()))
    return {hider: 0 for hider in hiders if hider not in claims}
