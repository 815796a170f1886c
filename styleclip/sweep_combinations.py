"""Combinations of the strengths and thresholds of a sweep, and their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from styleclip.settings import Strength, format_number

MAX_COMBINATIONS = 100  # of strengths and betas in one sweep


class Combination(NamedTuple):
    """One alpha or one calibrated strength of a sweep, and one beta; None where they are left to edits and method."""

    alpha: Strength | None = None
    beta: Strength | None = None
    strength: float | None = None


def combinations(
    alphas: Sequence[Strength] | None, betas: Sequence[Strength] | None, strengths: Sequence[float] | None = None
) -> list[Combination]:
    """Every alpha, or strength, at every beta, the betas outermost; None where nothing is asked for."""
    amounts = [(None, float(each)) for each in strengths] if strengths else [(each, None) for each in alphas or (None,)]
    return [
        Combination(_as_float(alpha), _as_float(beta), strength)
        for beta in betas or (None,)
        for alpha, strength in amounts
    ]


def combination_names(
    alphas: Sequence[Strength] | None, betas: Sequence[Strength] | None, strengths: Sequence[float] | None = None
) -> dict[Combination, str]:
    """A name for every combination, for its folder: `alpha_4_beta_0.12`, of those that vary; "" for a single one."""
    asked = combinations(alphas, betas, strengths)
    varying = [name for name in ("strength", "alpha", "beta") if len({getattr(each, name) for each in asked}) > 1]
    return {each: "_".join(f"{name}_{format_number(getattr(each, name))}" for name in varying) for each in asked}


def _as_float(value: Strength | None) -> Strength | None:
    return value if value is None or value == "auto" else float(value)
