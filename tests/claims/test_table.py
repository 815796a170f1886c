"""The table of attributes: its wordings read back as what they say, and no phrase means two states."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

import pytest

from styleclip.claims import read_claims
from styleclip.claims.table import FILE, Attribute, load_table
from styleclip.claims.wording import SUBJECT, sentence

CONTENT = tomllib.loads(FILE.read_text("utf-8"))
TABLE = load_table()
SHARED = {"clean-shaven", "cleanshaven", "smooth-shaven", "without facial hair", "with no facial hair"}
ATTRIBUTES = pytest.mark.parametrize("attribute", TABLE.attributes.values(), ids=TABLE.attributes)


def sentences(attribute: Attribute, state: str) -> list[str]:
    """All sentences of a state that can be read."""
    fallback = CONTENT[attribute.name].get("states", {}).get(state, {}).get("fallback", ())
    return [sentence(wording) for wording in attribute.wordings[state] if wording not in fallback]


@ATTRIBUTES
def test_every_wording_reads_as_its_state(attribute: Attribute) -> None:
    for state in attribute.states:
        for text in sentences(attribute, state):
            [claim] = [claim for claim in read_claims(text) if claim.attribute == attribute.title]
            others = {attribute.write(other, None, SUBJECT) for other in attribute.states if other != state}
            if claim.negated:
                assert state == attribute.default, text
            elif any(shared in text for shared in SHARED):
                assert claim.targets == (attribute.write(state, None, SUBJECT),)
            else:
                assert claim.targets == (text,)
                assert others <= {*claim.alternatives}, text


@ATTRIBUTES
def test_a_wording_means_one_attribute(attribute: Attribute) -> None:
    for state in attribute.states:
        for text in sentences(attribute, state):
            assert len(read_claims(text)) == 1 or any(shared in text for shared in SHARED), text


@ATTRIBUTES
def test_articles(attribute: Attribute) -> None:
    for state in attribute.states:
        for text in sentences(attribute, state):
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|\b(a|an|the) (a|an|the)\b|~|  ", text), text


@ATTRIBUTES
def test_no_word_means_two_states(attribute: Attribute) -> None:
    entry = CONTENT[attribute.name]
    states = [
        *entry.get("states", {}).values(),
        *({"words": CONTENT["colours"][name]} for name in entry.get("colours", ())),
    ]
    for kind in ("words", "adjectives", "things", "say", "bare", "nouns", "verbs"):
        counts = Counter(word for state in (*states, *entry.get("several", ())) for word in state.get(kind, ()))
        assert not [word for word, count in counts.items() if count > 1], kind


def test_a_phrase_of_two_attributes_is_meant() -> None:
    shared = {" ".join(key) for key, senses in TABLE.lexicon.items() if len(senses) > 1}
    assert shared == {"clean shaven", "cleanshaven", "smooth shaven", "without facial hair", "no facial hair"}


@ATTRIBUTES
def test_states_are_named_that_exist(attribute: Attribute) -> None:
    assert len(attribute.states) > 1
    assert attribute.default is None or attribute.default in attribute.states
    assert all(state in TABLE.attributes[name].states for name, state in attribute.hidden_by)
    assert all(state in attribute.states for states in attribute.words.values() for state in states)
    assert all(state in attribute.states for states in attribute.includes.values() for state in states)


def test_keys_are_known() -> None:
    attribute_keys = {*("title", "nouns", "compound", "join", "default", "hidden_by", "colours", "states", "several")}
    state_keys = {
        *("canonical", "say", "adjectives", "things", "words", "bare", "nouns", "verbs", "fallback", "includes")
    }
    for name in TABLE.attributes:
        entry = CONTENT[name]
        assert {*entry} <= attribute_keys
        assert all({*state} <= state_keys for state in entry.get("states", {}).values())
        assert all({*several} <= state_keys | {"states"} for several in entry.get("several", ()))


def test_the_package_ships_the_table() -> None:
    root = FILE.parents[1]
    assert FILE.parent.name == "styleclip"
    assert f'"styleclip": ["{FILE.name}"]' in (root / "setup.py").read_text()
    assert f"include styleclip/{FILE.name}" in (root / "MANIFEST.in").read_text()
