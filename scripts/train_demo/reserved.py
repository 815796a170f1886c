"""Texts and words that no training caption of the demo CLIP has: those that its reports and its tuning measure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scripts.train_demo.hard_negatives import REPORTED
from styleclip.demo.captions import Claims, state_names
from styleclip.demo.wordings import load_wordings

HELD_OUT = Path(__file__).parents[2] / "tests" / "data" / "held_out_wordings.toml"
TUNING = Path(__file__).with_name("tuning_wordings.toml")


class MeasuredWording(NamedTuple):
    """A text, the states that it claims and excludes, and its word that is in no caption ("" for none)."""

    text: str
    claims: Claims
    excluded: Claims
    unseen: str


def measured_wordings(path: Path) -> list[MeasuredWording]:
    """The wordings of a file."""
    return [
        MeasuredWording(
            each["text"], _indices(each.get("claims", {})), _indices(each.get("excluded", {})), each.get("unseen", "")
        )
        for each in tomllib.loads(path.read_text("utf-8"))["wordings"]
    ]


def is_reserved(text: str) -> bool:
    """Whether a caption may not have this text, whatever its punctuation and capitals."""
    words = words_of(text)
    return words[:3] == ("a", "portrait", "of") or words in _reserved_texts() or bool(_unseen_words() & {*words})


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in small letters, parted at hyphens."""
    return tuple(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower()))


@cache
def _reserved_texts() -> frozenset[tuple[str, ...]]:
    measured = [each.text for path in (HELD_OUT, TUNING) for each in measured_wordings(path)]
    sets = [each.text for name in ("tuning", "reporting") for each in load_wordings(name).wordings]
    return frozenset(map(words_of, (*measured, *sets, *REPORTED)))


@cache
def _unseen_words() -> frozenset[str]:
    return frozenset(each.unseen for path in (HELD_OUT, TUNING) for each in measured_wordings(path) if each.unseen)


def _indices(states: dict[str, Any]) -> Claims:
    return {name: state_names(name).index(state) for name, state in states.items()}


def without_reserved(texts: Sequence[str]) -> list[str]:
    """The texts that captions may have."""
    return [text for text in texts if not is_reserved(text)]
