"""The table of attributes and their states (styleclip/alternatives.toml), and its phrases as a lexicon."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from styleclip.claims.wording import SUBJECT, is_known, put_before, remove_article, sentence, words_of

FILE = Path(__file__).parents[1] / "alternatives.toml"
PREPOSITIONS = ("with", "wearing", "in", "on")

Words = tuple[str, ...]


@dataclass(frozen=True)
class Sense:
    """What a phrase of the table means: one or several states of an attribute.

    `noun` is the phrase with its article where it is a thing ("a hat"), so that words may stand before it; `wording`
    is a whole wording of its own, such as "smiling ~"; both are empty for verbs, which are read and not written.
    """

    attribute: str
    states: tuple[str, ...]
    noun: str = ""
    wording: str = ""


@dataclass(frozen=True)
class Attribute:
    """States that exclude one another. `wordings` has those of each state, the canonical one first."""

    name: str
    title: str
    join: str
    nouns: tuple[str, ...]
    compound: str
    default: str | None
    hidden_by: tuple[tuple[str, str], ...]
    wordings: Mapping[str, tuple[str, ...]]
    includes: Mapping[str, tuple[str, ...]]
    words: Mapping[Words, tuple[str, ...]]

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.wordings)

    def write(self, state: str, vocabulary: Collection[str] | None, subject: str) -> str | None:
        """The first sentence of a state that a CLIP of these words knows."""
        sentences = (sentence(wording, subject) for wording in self.wordings[state])
        return next((text for text in sentences if is_known(text, vocabulary)), None)

    def write_states(self, vocabulary: Collection[str] | None) -> dict[str, str]:
        """State -> sentence, of the states that a CLIP of these words knows."""
        written = {state: self.write(state, vocabulary, SUBJECT) for state in self.states}
        return {state: text for state, text in written.items() if text}


@dataclass(frozen=True)
class Table:
    """All attributes, and phrases by their words: `lexicon` of whole phrases, `nouns` that words stand before."""

    attributes: Mapping[str, Attribute]
    lexicon: Mapping[Words, tuple[Sense, ...]]
    nouns: Mapping[Words, tuple[tuple[str, str], ...]]
    text: Mapping[str, frozenset[Words]]


@cache
def load_table() -> Table:
    """The table that comes with the package."""
    content = tomllib.loads(FILE.read_text("utf-8"))
    text, colours = content.pop("text"), content.pop("colours")
    attributes = {name: _attribute(name, entry, colours) for name, entry in content.items()}
    lexicon: dict[Words, dict[str, Sense]] = defaultdict(dict)
    nouns: dict[Words, list[tuple[str, str]]] = defaultdict(list)
    for name, attribute in attributes.items():
        for states, entry in _entries(content[name], colours):
            for phrase, sense in _senses(attribute, states, entry):
                lexicon[_key(phrase)].setdefault(name, sense)
        for noun in attribute.nouns:
            nouns[words_of(remove_article(noun))].append((name, noun))
        if attribute.compound:
            nouns[(attribute.compound,)].append((name, ""))
    for key in [
        key for key in lexicon if key[0] in ("no", "without") and {*lexicon[key]} <= {*lexicon.get(key[1:], ())}
    ]:
        del lexicon[key]  # the negation of another phrase
    return Table(
        attributes,
        {key: tuple(senses.values()) for key, senses in lexicon.items()},
        {key: tuple(found) for key, found in nouns.items()},
        {name: frozenset(map(words_of, phrases)) for name, phrases in text.items()},
    )


def known_attributes(vocabulary: Collection[str] | None) -> list[tuple[Attribute, dict[str, str]]]:
    """The attributes of which a CLIP of these words knows two states or more, each with the sentences of its states."""
    written = [(attribute, attribute.write_states(vocabulary)) for attribute in load_table().attributes.values()]
    return [(attribute, states) for attribute, states in written if len(states) > 1]


def _attribute(name: str, entry: Mapping[str, Any], colours: Mapping[str, list[str]]) -> Attribute:
    join, nouns = entry.get("join", "with"), tuple(entry.get("nouns", ()))
    wordings: dict[str, tuple[str, ...]] = {}
    words: dict[Words, tuple[str, ...]] = {}
    includes: dict[str, tuple[str, ...]] = {}
    for states, state in _entries(entry, colours):
        words |= {words_of(word): states for word in state.get("words", ())}
        if len(states) == 1:
            wordings[states[0]] = tuple(dict.fromkeys(_wordings(state, join, nouns)))
            includes[states[0]] = tuple(state.get("includes", ()))
    hidden_by = tuple(tuple(name.split(".")) for name in entry.get("hidden_by", ()))
    return Attribute(
        name,
        entry["title"],
        join,
        nouns,
        entry.get("compound", ""),
        entry.get("default"),
        hidden_by,
        wordings,
        includes,
        words,
    )


def _entries(
    entry: Mapping[str, Any], colours: Mapping[str, list[str]]
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """The states of an attribute, its colours, and the words that mean several of them."""
    states = [((name,), state) for name, state in entry.get("states", {}).items()]
    states += [((name,), {"words": colours[name]}) for name in entry.get("colours", ())]
    return states + [(tuple(several["states"]), several) for several in entry.get("several", ())]


def _wordings(state: Mapping[str, Any], join: str, nouns: tuple[str, ...]) -> list[str]:
    found = [state["canonical"]] if "canonical" in state else []
    found += [f"~ {join} {put_before(word, nouns[0])}" for word in state.get("words", ())]
    found += [f"~ {join} {thing}" for thing in state.get("things", ())]
    found += [f"{adjective} ~" for adjective in state.get("adjectives", ())]
    return [*found, *state.get("say", ()), *state.get("nouns", ()), *state.get("fallback", ())]


def _senses(attribute: Attribute, states: tuple[str, ...], state: Mapping[str, Any]) -> list[tuple[str, Sense]]:
    name = attribute.name
    found = [(word, Sense(name, states, wording=f"{word} ~")) for word in state.get("adjectives", ())]
    found += [(thing, Sense(name, states, noun=thing)) for thing in state.get("things", ())]
    for word in state.get("bare", ()):
        wording = f"~ {attribute.join} {put_before(word, attribute.nouns[0])}"
        found.append((word, Sense(name, states, wording=wording)))
    found += [(noun, Sense(name, states, wording=noun)) for noun in state.get("nouns", ())]
    said = [*filter(None, [state.get("canonical")]), *state.get("say", ())]
    found += [(wording.replace("~", ""), Sense(name, states, wording=wording)) for wording in said]
    return found + [(verb, Sense(name, states)) for verb in state.get("verbs", ())]


def _key(phrase: str) -> Words:
    """The words of a phrase without prepositions at its head and without articles."""
    words = words_of(phrase)
    while words[0] in PREPOSITIONS:
        words = words[1:]
    return tuple(word for word in words if word not in ("a", "an", "the"))
