"""Prompts with the attribute states that they claim.

`wordings.toml` holds two sets, for tuning and for reporting, which share no text and no seed: reports are measured on
wordings and faces that chose no setting. A set of the file is

    [tuning]
    seeds = "2000-2039"
    [[tuning.prompts]]
    text = "an elderly man"
    claims = { age = "old" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from styleclip.demo.captions import Claims, claimed_states, state_names
from styleclip.errors import UsageError
from styleclip.text.parsing import parse_seeds
from styleclip.text.text_files import read_text

SetName = Literal["tuning", "reporting"]


@dataclass(frozen=True)
class Wording:
    """A prompt and the attribute states that it claims."""

    text: str
    claims: Claims


@dataclass(frozen=True)
class WordingSet:
    """Wordings, and the seeds of the faces to edit with them; the set of texts that are given has no seeds."""

    name: SetName | Literal["given"]
    wordings: tuple[Wording, ...]
    seeds: tuple[int, ...] = ()


def load_wordings(name: SetName) -> WordingSet:
    """A set of wordings.toml."""
    table = tomllib.loads(resources.files("styleclip.demo").joinpath("wordings.toml").read_text("utf-8"))[name]
    wordings = tuple(
        Wording(
            prompt["text"],
            {attribute: state_names(attribute).index(state) for attribute, state in prompt["claims"].items()},
        )
        for prompt in table["prompts"]
    )
    return WordingSet(name, wordings, parse_seeds(table["seeds"]))


def given_wordings(texts: Sequence[str]) -> WordingSet:
    """A set of plain texts, with the states that they claim in the words of demo/captions.py.

    Raises UsageError for a text that claims none.
    """
    wordings = tuple(Wording(text, claimed_states(text)) for text in texts)
    for wording in wordings:
        if not wording.claims:
            raise UsageError(
                f"the judge cannot tell whether {wording.text!r} came true; name attributes of the demo world"
            )
    return WordingSet("given", wordings)


def read_prompts(path: Path) -> list[str]:
    """The lines of a file without blank lines and `#` comments; raises UsageError where none is left."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise UsageError(f"{path} holds no prompt; write one per line")
    return prompts
