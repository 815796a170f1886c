"""Pieces of plain English about states of the demo world, from the tables of plain_words.toml."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from styleclip.demo.captions import Claims, state_names

TABLE = Path(__file__).with_name("plain_words.toml")
Kind = Literal["adjective", "thing", "worn", "person", "verb", "phrase", "part"]
KINDS: dict[str, Kind] = {  # keys of the table -> kinds
    "adjectives": "adjective", "things": "thing", "worn": "worn", "persons": "person", "verbs": "verb",
    "phrases": "phrase", "words": "part", "denied": "thing", "denied_worn": "worn",
}  # fmt: skip
SHARES: dict[str, float] = {  # how often a kind is chosen, beside the others of a state
    "adjectives": 1, "things": 1, "worn": 1.6, "persons": 0.35, "verbs": 0.4, "phrases": 0.4, "words": 2.5,
    "denied": 1.5, "denied_worn": 1.5,
}  # fmt: skip
DENIABLE = ("adjectives", "things", "worn", "words", "verbs")
ARTICLES = ("a ", "an ", "any ")
AMOUNTS = ("lots", "many", "plenty", "a lot", "the ")
DENIALS = {"expression": 0.4}  # shares of the claims about an attribute that deny another state
DEGREES = ("very", "really", "quite", "so", "rather", "extremely", "incredibly")


class Spec(NamedTuple):
    """A state that a sentence claims, or denies."""

    attribute: str
    state: int
    denied: bool = False


@dataclass(frozen=True)
class Piece:
    """Words about a face, and what they claim.

    Args:
        kind: how the words stand in a sentence.
        text: the words, with their article; of a `part` those that describe it.
        part: what they describe: "hair".
        compound: the adjective of a person, for a `part` that has one: "red-haired".
        join: the frame around a part with its article: "on a blue background" is "on {}".
        negative: whether the sentence says that it is not so.
        claims, excluded: as in a `Statement`.
    """

    kind: Kind
    text: str
    part: str = ""
    compound: str = ""
    join: str = ""
    negative: bool = False
    claims: Claims = field(default_factory=dict)
    excluded: Claims = field(default_factory=dict)

    @property
    def bare(self) -> str:
        """The words without their article."""
        for article in ARTICLES:
            if self.text.startswith(article):
                return self.text.removeprefix(article)
        return self.text

    @property
    def described(self) -> str:
        """The part with its words, and with an article where it has one: "red hair", "a blue background"."""
        text = f"{self.text} {self.part}"
        return (
            with_article(text) if self.join or self.part in ("complexion", "skin tone", "hairdo", "hairstyle") else text
        )

    @property
    def plural(self) -> bool:
        return self.part.endswith("s") or self.part in ("locks", "tresses")


@cache
def table() -> dict[str, Any]:
    """The tables of plain_words.toml."""
    return tomllib.loads(TABLE.read_text("utf-8"))


def piece_of(spec: Spec, rng: random.Random) -> Piece:
    """Words for what a spec says."""
    attribute = table()[spec.attribute]
    state = attribute[state_names(spec.attribute)[spec.state]]
    keys = [key for key in (DENIABLE if spec.denied else KINDS) if key in state and deniable(state[key], spec.denied)]
    key = rng.choices(keys, [SHARES[key] for key in keys])[0]
    text = rng.choice(deniable(state[key], spec.denied))
    if key in ("adjectives", "words") and rng.random() < 0.06:
        text = f"{rng.choice(DEGREES)} {text}"
    claims, excluded = said(spec)
    part = rng.choice(attribute["parts"]) if key == "words" else ""
    compound = f"{text}-{attribute['compound']}" if part and "compound" in attribute and " " not in text else ""
    join = rng.choice(attribute["join"]) if part and "join" in attribute else ""
    negative = spec.denied or key.startswith("denied")
    return Piece(KINDS[key], text, part, compound, join, negative, claims, excluded)


def deniable(texts: list[str], denied: bool) -> list[str]:
    """The texts that may be denied: no amounts."""
    return [each for each in texts if not each.startswith((*AMOUNTS, "no "))] if denied else texts


def said(spec: Spec) -> tuple[Claims, Claims]:
    """The states that a spec claims, and those it excludes; "no glasses" claims that there are none of any kind."""
    names = state_names(spec.attribute)
    if not spec.denied:
        return {spec.attribute: spec.state}, {}
    if len(names) == 2:
        return {spec.attribute: 1 - spec.state}, {}
    if spec.attribute == "eyewear" and names[spec.state] == "glasses":
        return {spec.attribute: names.index("none")}, {}
    return {}, {spec.attribute: spec.state}


def true_specs(labels: Claims, rng: random.Random, most: int = 3) -> list[Spec]:
    """Up to `most` specs that are true of a face with these clear states (-1 is unclear)."""
    clear = [name for name, label in labels.items() if label >= 0]
    count = rng.choices(range(1, most + 1), [5, 4, 2][:most])[0]
    return [true_spec(name, labels[name], rng) for name in rng.sample(clear, min(count, len(clear)))]


def true_spec(name: str, label: int, rng: random.Random) -> Spec:
    """A spec that is true of a face in this state: the state, or the denial of another one."""
    names = state_names(name)
    if len(names) == 2 and names[0] == "no":
        return Spec(name, 1, denied=True) if label == 0 and rng.random() < 0.7 else Spec(name, label)
    if rng.random() < DENIALS.get(name, 0.6 if names[label] == "none" else 0.2):
        others = [k for k in range(len(names)) if k != label and (name != "eyewear" or k > 0)]
        if name == "eyewear" and names[label] == "sunglasses":  # whether they are glasses is a matter of words
            return Spec(name, label)
        return Spec(name, rng.choice(others), denied=True)
    return Spec(name, label)


def false_specs(specs: list[Spec], rng: random.Random) -> list[Spec]:
    """The specs with one made false: turned to its opposite, given another state, or the states of two exchanged."""
    place = rng.randrange(len(specs))
    spec = specs[place]
    if (exchanged := exchanged_states(specs)) and rng.random() < 0.6:
        return exchanged
    mixed = len({each.denied for each in specs}) == 2
    if mixed and len(specs) == 2 and rng.random() < 0.6:
        return [opposite(each) for each in specs]
    names = state_names(spec.attribute)
    if spec.denied or (rng.random() < 0.35 and not (spec.attribute == "eyewear" and names[spec.state] == "none")):
        other = opposite(spec)
    else:
        other = Spec(spec.attribute, rng.choice([k for k in range(len(names)) if k != spec.state]))
    return [*specs[:place], other, *specs[place + 1 :]]


def opposite(spec: Spec) -> Spec:
    """The denial of a claim, or the claim that is denied; the opposite of "no hat" is a hat."""
    if not spec.denied and state_names(spec.attribute)[spec.state] in ("no", "none"):
        return Spec(spec.attribute, 1)
    return spec._replace(denied=not spec.denied)


def exchanged_states(specs: list[Spec]) -> list[Spec] | None:
    """The first two claims whose states have names that both attributes know, exchanged: blue eyes and brown hair."""
    claims = [each for each in specs if not each.denied and len(state_names(each.attribute)) > 2]
    for one, other in zip(claims, claims[1:], strict=False):
        names = state_names(one.attribute)[one.state], state_names(other.attribute)[other.state]
        if names[0] != names[1] and names[1] in state_names(one.attribute) and names[0] in state_names(other.attribute):
            new = {
                one: Spec(one.attribute, state_names(one.attribute).index(names[1])),
                other: Spec(other.attribute, state_names(other.attribute).index(names[0])),
            }
            return [new.get(each, each) for each in specs]
    return None


def several_pieces(labels: Claims) -> list[tuple[str, str, Claims]]:
    """(kind, words, claims) of words that claim states of two attributes, where they are true of a face."""
    found = []
    for entry in table()["several"]:
        claims = {name: state_names(name).index(state) for name, state in entry["claims"].items()}
        if all(labels[name] == state for name, state in claims.items()):
            found += [(KINDS[key], text, claims) for key in entry if key != "claims" for text in entry[key]]
    return found


def with_article(text: str) -> str:
    """The text with "a" or "an"."""
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def texts_of(node: Mapping[str, Any] | list[Any] | str) -> Iterator[str]:
    """All texts of a table."""
    if isinstance(node, str):
        yield node
    else:
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from texts_of(child)
