"""Banks of attributes: what an edit may change beside what was asked for (after PPE's bank of phrases).

The default bank is that of portraits, styleclip/alternatives.toml. A bank in a file has a table for each attribute,
with a sentence for every state, and perhaps the states of other attributes that hide it:

    [colour]
    red = "a red car"
    blue = "a blue car"
    hidden_by = ["view.from_behind"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from styleclip.claims.table import FILE, known_attributes, load_table
from styleclip.errors import UsageError
from styleclip.text.text_files import read_text

PORTRAITS = "portraits"
MAX_BANK_BYTES = 2**20


@dataclass(frozen=True)
class BankAttribute:
    """An attribute, with a sentence for each of its states, which exclude one another.

    Args:
        name: as reports name it.
        states: state -> sentence.
        hidden_by: (attribute, state) of other attributes; where one of them is shown, this one cannot be seen.
    """

    name: str
    states: Mapping[str, str]
    hidden_by: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Bank:
    """Attributes, with the name and the hash of the file that they are from."""

    name: str
    attributes: tuple[BankAttribute, ...]
    sha256: str


def portrait_bank(vocabulary: Collection[str] | None = None) -> Bank:
    """The attributes of portraits, each with the states that a CLIP of these words can be asked for, two or more."""
    table = load_table()
    attributes = tuple(
        BankAttribute(
            attribute.title,
            states,
            tuple((table.attributes[other].title, state) for other, state in attribute.hidden_by),
        )
        for attribute, states in known_attributes(vocabulary)
    )
    return Bank(PORTRAITS, attributes, sha256(FILE.read_bytes()).hexdigest())


def read_bank(path: Path) -> Bank:
    """The bank in a file. Raises UsageError where it is none."""
    text = read_text(path, MAX_BANK_BYTES)
    try:
        attributes = tuple(_attribute(name, entry) for name, entry in tomllib.loads(text).items())
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(
            f'{path} is no bank of attributes; write tables such as [colour] with red = "a red car" and more states'
        ) from error
    if not attributes:
        raise UsageError(f'{path} has no attribute; write tables such as [colour] with red = "a red car"')
    states = {(each.name, state) for each in attributes for state in each.states}
    unknown = sorted({".".join(pair) for each in attributes for pair in each.hidden_by if pair not in states})
    if unknown:
        raise UsageError(f"{path}: {unknown[0]!r} in hidden_by is no ATTRIBUTE.STATE of the bank; correct it")
    return Bank(path.name, attributes, sha256(text.encode()).hexdigest())


def _attribute(name: str, entry: Mapping[str, object]) -> BankAttribute:
    """Raises ValueError for fewer than two states, and for values of another type."""
    states = {state: text for state, text in entry.items() if state != "hidden_by"}
    hidden_by = entry.get("hidden_by", [])
    if len(states) < 2 or not isinstance(hidden_by, list):
        raise ValueError(name)
    if not all(isinstance(text, str) and text.strip() for text in [*states.values(), *hidden_by]):
        raise ValueError(name)
    pairs = [str(each).partition(".") for each in hidden_by]
    return BankAttribute(
        name, {state: str(text) for state, text in states.items()}, tuple((other, state) for other, _, state in pairs)
    )
