"""Whether settings make sense: the checks that those of editors, inversions and trainings share."""

from __future__ import annotations

import math
from collections.abc import Iterable

from styleclip.errors import UsageError


def check_settings(settings: object, counts: Iterable[str], weights: Iterable[str]) -> None:
    """Raise UsageError unless these fields, where they are given, are at least 1, or finite and not negative."""
    for name in counts:
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}; it must be at least 1")
    for name in weights:
        value = getattr(settings, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{name} is {value}; it must be a finite number, 0 or more")
