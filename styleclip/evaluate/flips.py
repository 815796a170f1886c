"""When an attribute counts as changed, for any classifier of attributes."""

from __future__ import annotations

from torch import Tensor

MIN_LOST_PROBABILITY = 0.5  # an attribute changed when its state before the edit lost more than this


def has_changed(before: Tensor, after: Tensor) -> Tensor:
    """[N] bool: whether the most probable of [N, states] is another one and has lost MIN_LOST_PROBABILITY."""
    state = before.argmax(dim=1, keepdim=True)
    lost = (before - after).gather(1, state)[:, 0]
    return (after.argmax(dim=1) != state[:, 0]) & (lost > MIN_LOST_PROBABILITY)
