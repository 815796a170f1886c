"""Times, numbers and sizes in words for people."""

from __future__ import annotations

import math


def human_time(seconds: float) -> str:
    """`7384 -> "2 h 03 min"`, `184 -> "3 min 04 s"`, `12.3 -> "12 s"`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def human_number(number: float) -> str:
    """`0.2398 -> "0.24"`, `73.42 -> "73.4"`, `2021.7 -> "2,022"`."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def human_bytes(count: int) -> str:
    """`1_201_649_680 -> "1.2 GB"`."""
    power = min(4, int(math.log(max(count, 1), 1000)))
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def number_of(count: int, noun: str) -> str:
    """`1, "step" -> "1 step"`, `40, "step" -> "40 steps"`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
