"""Values written as text: lists of seeds and numbers, strengths, resolutions. A ValueError says what is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from styleclip.settings import Strength

MAX_SEEDS = 10_000  # in one list


def parse_seeds(text: str, noun: str = "seeds") -> tuple[int, ...]:
    """Seeds such as `0-7` or `0-7,12`; each is taken once. `noun` is their name in messages."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", part, re.ASCII)
        if match is None:
            raise ValueError(f"{text!r} is not a list of {noun}; write it like 0-7 or 0-7,12.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"{part.strip()!r} runs backwards; write the smaller number first.")
        if last - first + len(seeds) >= MAX_SEEDS:
            raise ValueError(f"{text!r} names too many {noun}; ask for at most {MAX_SEEDS} at once.")
        seeds |= dict.fromkeys(range(first, last + 1))
    return tuple(seeds)


def parse_layers(text: str) -> tuple[int, ...] | None:
    """Rows of W+ such as `0-3` or `2,5-7`; None for `all`."""
    return None if text.strip() == "all" else parse_seeds(text, "layers")


def format_layers(layers: Sequence[int]) -> str:
    """Rows of W+ in words of an option: [0, 1, 2, 5] -> "0-2,5"."""
    runs: list[list[int]] = []
    for row in sorted(set(layers)):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse_resolution(text: str) -> str | int:
    """`auto`, `full` or a number of px."""
    if text in ("auto", "full"):
        return text
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or int(text) < 4:
        raise ValueError(f"{text!r} is not a resolution; pass auto, full or a number of px, e.g. 256.")
    return int(text)


def parse_shift(text: str) -> tuple[float, float]:
    """Two finite numbers such as `0.1,-0.05`."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"{text!r} is no shift; write it like 0.1,-0.05: to the right and down.")
    return x, y


def parse_strength(text: str) -> Strength:
    """A finite number, or "auto"; raises ValueError otherwise."""
    if text.strip() == "auto":
        return "auto"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number; write it like 4 or auto.")
    return value


def parse_strengths(text: str) -> tuple[Strength, ...]:
    """Strengths such as `4`, `-4,0,4` or `auto`; each is taken once."""
    try:
        return tuple(dict.fromkeys(parse_strength(part) for part in text.split(",")))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers; write it like 4 or -4,0,4 or auto.") from None


def parse_words(text: str) -> tuple[str, ...]:
    """`coarse,medium` -> ("coarse", "medium")."""
    return tuple(word.strip() for word in text.split(","))


def parse_counts(text: str) -> tuple[int, ...]:
    """`64,128` -> (64, 128)."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:  # also for more than 4300 digits
        raise ValueError(f"{text!r} is not a list of whole numbers; write it like 64,128,256,512.") from None


def parse_numbers(text: str) -> tuple[float, ...]:
    """Finite numbers such as `1` or `-1,0,1`; each is taken once."""
    try:
        return tuple(float(value) for value in parse_strengths(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers; write it like 1 or -1,0.5,1.") from None
