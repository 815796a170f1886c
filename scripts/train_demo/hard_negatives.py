"""Captions that test how words are bound, with a hard negative of each: negation, exchanged items, colours and words.

It has nearly the same words and is false of the same face, as those of NegCLIP are (Yuksekgonul et al. 2023). No text
is one of those that `styleclip evaluate --clip` asks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scripts.train_demo.truth import NEVER, Pair, Statement, holds
from styleclip.demo.captions import NOUNS, Claims, caption_text, state_names


@dataclass(frozen=True)
class Item:
    """Something a face has or lacks: an attribute in the state `present`, or `absent` where the item is denied.

    A denied item without `absent` only excludes its state: a face without sunglasses may wear glasses.
    """

    attribute: str
    present: int
    words: tuple[str, ...]  # with their article
    worn: bool = False
    absent: int | None = 0

    def is_clear(self, labels: Claims) -> bool:
        """Whether a face with these states clearly has the item, or clearly lacks it."""
        label = labels[self.attribute]
        return label >= 0 and (self.absent is None or label in (self.present, self.absent))

    def here(self) -> Statement:
        """The claim of the item, without words."""
        return Statement("", {self.attribute: self.present})

    def gone(self) -> Statement:
        """The denial of the item, without words."""
        if self.absent is None:
            return Statement("", {}, {self.attribute: self.present})
        return Statement("", {self.attribute: self.absent})


ITEMS = (
    Item("hat", 1, ("a hat", "a cap", "a beanie"), worn=True),
    Item("eyewear", 1, ("glasses", "eyeglasses", "spectacles"), worn=True),
    Item("eyewear", 2, ("sunglasses", "dark glasses"), worn=True, absent=None),
    Item("earrings", 1, ("earrings", "gold earrings", "jewelry"), worn=True),
    Item("makeup", 1, ("makeup", "lipstick"), worn=True),
    Item("beard", 1, ("a beard",)),
    Item("moustache", 1, ("a moustache", "a mustache")),
    Item("freckles", 1, ("freckles",)),
    Item("bangs", 1, ("bangs", "a fringe")),
    Item("age", 1, ("wrinkles",)),
    Item("bald", 0, ("hair",), absent=1),
)
QUALITIES: dict[str, dict[str, tuple[str, ...]]] = {  # attribute -> state -> adjectives: "a face that is not smiling"
    "expression": {
        "smiling": ("smiling", "happy", "laughing"),
        "surprised": ("surprised", "amazed"),
        "sad": ("sad", "unhappy"),
        "angry": ("angry", "furious"),
    },
    "age": {"young": ("young",), "old": ("old", "elderly")},
    "bald": {"yes": ("bald",)},
    "beard": {"yes": ("bearded",)},
    "skin": {"light": ("pale",), "medium": ("tanned",), "dark": ("dark-skinned",)},
    "hair_color": {"blonde": ("blonde",)},
}

# (with the item, without it); {a} is the item with its article, {x} without
FrameSet = tuple[tuple[str, str], ...]
HAVING: FrameSet = (
    ("with {a}", "without {a}"),
    ("with {x}", "with no {x}"),
    ("with {a}", "without any {x}"),
    ("that has {a}", "that does not have {a}"),
    ("that has {a}", "that has no {x}"),
    ("having {a}", "having no {x}"),
)
WEARING: FrameSet = (
    ("wearing {a}", "not wearing {a}"),
    ("who is wearing {a}", "who is not wearing {a}"),
    ("that wears {a}", "that does not wear {a}"),
    ("wearing {a}", "wearing no {x}"),
    ("in {a}", "not in {a}"),
)
EXCHANGES = ("with {a} and no {y}", "with {a} and without {b}", "without {b} but with {a}", "with {a} but not {b}")
BEING: FrameSet = (("that is {q}", "that is not {q}"), ("who looks {q}", "who does not look {q}"))
REPORTED = tuple(  # texts of `styleclip evaluate --clip`, beside those that begin with "a portrait of"
    f"a face {verb} {item}"
    for verb in ("wearing", "not wearing")
    for item in ("a hat", "glasses", "earrings", "makeup")
)

COLORED: dict[str, tuple[str, ...]] = {  # how a colour is bound: attribute -> frames, the first an adjective or none
    "hair_color": ("{c}-haired", "with {c} hair"),
    "eye_color": ("{c}-eyed", "with {c} eyes"),
    "shirt": ("", "in a {c} shirt", "wearing a {c} shirt", "with a {c} shirt"),
    "background": ("", "on a {c} background", "in front of a {c} background"),
}
COLOR_WORDS: dict[str, dict[str, str]] = {  # attribute -> colour word -> state
    "hair_color": {
        **{word: word for word in ("black", "brown", "blonde", "red", "grey", "blue", "pink")},
        **{"white": "grey", "golden": "blonde", "orange": "red"},
    },
    "eye_color": {word: word for word in ("brown", "blue", "green")},
    "shirt": {word: word for word in ("white", "red", "blue", "black", "yellow")},
    "background": {word: word for word in ("blue", "green", "yellow", "purple", "grey")},
}

EMPHASIS = {"age": 6, "moustache": 5, "freckles": 4, "makeup": 6, "beard": 3, "expression": 3}  # what is seen worst


def negation(labels: Claims, rng: random.Random, most: int = 2) -> Pair | None:
    """A sentence about something that the face has or lacks, and its opposite; None where nothing of it is clear.

    `labels` are the clear states of the face (-1 is unclear); up to `most` other claims are added.
    """
    choices: list[tuple[str, str, str, Statement, Statement]] = []
    for item in ITEMS:
        if item.is_clear(labels):
            words = rng.choice(item.words)
            frame = rng.choice((*HAVING, *WEARING) if item.worn else HAVING)
            texts = [each.format(a=words, x=words.removeprefix("a ")) for each in frame]
            choices.append((item.attribute, *texts, item.here(), item.gone()))
    for attribute, states in QUALITIES.items():
        if labels[attribute] < 0:
            continue
        state, adjectives = rng.choice([*states.items()])
        adjective = rng.choice(adjectives)
        texts = [each.format(q=adjective) for each in rng.choice(BEING)]
        index = state_names(attribute).index(state)
        choices.append((attribute, *texts, Statement("", {attribute: index}), Statement("", {}, {attribute: index})))
    if not choices:
        return None
    attribute, present, absent, yes, no = rng.choice(choices)
    others = [name for name, label in labels.items() if label >= 0 and name != attribute]
    claims = {name: labels[name] for name in rng.sample(others, min(rng.randint(0, most), len(others)))}
    subject = caption_text(claims, rng)
    pair = (
        replace(yes, text=f"{subject} {present}", claims=claims | yes.claims),
        replace(no, text=f"{subject} {absent}", claims=claims | no.claims),
    )
    return pair if holds(yes, labels) else pair[::-1]


def exchanged_items(labels: Claims, rng: random.Random) -> Pair | None:
    """A sentence about something that the face has and something that it lacks, and its exchange; None without both."""
    items = [item for item in ITEMS if item.absent is not None]
    has = [item for item in items if labels[item.attribute] == item.present]
    lacks = [item for item in items if labels[item.attribute] == item.absent]
    if not has or not lacks:
        return None
    here, gone = rng.choice(has), rng.choice(lacks)
    frame = rng.choice(EXCHANGES)
    subject = f"a {rng.choice(NOUNS)}" if rng.random() < 0.4 else "a face"
    words = {item: rng.choice(item.words) for item in (here, gone)}
    pair = []
    for one, other in ((here, gone), (gone, here)):
        text = frame.format(a=words[one], b=words[other], y=words[other].removeprefix("a "))
        pair.append(Statement(f"{subject} {text}", one.here().claims | other.gone().claims))
    return pair[0], pair[1]


def swapped_colors(labels: Claims, rng: random.Random) -> Pair | None:
    """A sentence with two colours, and the one with the colours exchanged: blue hair and a red shirt."""
    clear = [name for name in COLORED if labels[name] >= 0]
    if len(clear) < 2:
        return None
    names = rng.sample(clear, 2)
    words = [
        rng.choice([word for word, state in COLOR_WORDS[name].items() if state == state_names(name)[labels[name]]])
        for name in names
    ]
    if words[0] == words[1]:
        return None
    adjective = COLORED[names[0]][0] if rng.random() < 0.4 else ""
    second = rng.choice(COLORED[names[1]][1:])
    noun = rng.choice(NOUNS) if rng.random() < 0.4 else "face"
    if adjective:
        frame = f"{adjective} {noun} {second}"
    else:
        first = rng.choice(COLORED[names[0]][1:])
        joined = second.replace("with ", "and ") if first.startswith("with ") else second
        frame = f"{noun} {first} {joined}"
    return colored(frame, names, words), colored(frame, names, words[::-1])


def colored(frame: str, names: Sequence[str], words: Sequence[str]) -> Statement:
    """The statement whose frame has these colour words, of these attributes, in this order."""
    text = frame
    for word in words:
        text = text.replace("{c}", word, 1)
    article = "an" if text[0] in "aeiou" else "a"
    return Statement(
        f"{article} {text}", {name: _color_state(name, word) for name, word in zip(names, words, strict=True)}
    )


def other_state(labels: Claims, rng: random.Random, most: int = 3) -> Pair | None:
    """A sentence of one to `most` claims, and the same one with another state of one attribute."""
    clear = [name for name, label in labels.items() if label >= 0]
    if not clear:
        return None
    drawn = rng.choices(clear, [EMPHASIS.get(name, 1) for name in clear], k=rng.randint(1, most))
    names = [*dict.fromkeys(drawn)]
    claims = {name: labels[name] for name in names}
    changed = rng.choices(names, [EMPHASIS.get(name, 1) for name in names])[0]
    false = rng.choice([k for k in range(len(state_names(changed))) if k != labels[changed]])
    state = rng.getstate()
    true_text = caption_text(claims, rng)
    rng.setstate(state)
    false_text = caption_text(claims | {changed: false}, rng)
    return Statement(true_text, claims), Statement(false_text, claims | {changed: false})


def disordered(labels: Claims, rng: random.Random, most: int = 3) -> Pair | None:
    """A sentence of one to `most` claims, and its words in an order that says nothing."""
    clear = [name for name, label in labels.items() if label >= 0]
    if not clear:
        return None
    claims = {name: labels[name] for name in rng.sample(clear, min(rng.randint(1, most), len(clear)))}
    text = caption_text(claims, rng)
    words = text.split()
    while (mixed := " ".join(_exchanged_words(words, rng))) == text:
        pass
    return Statement(text, claims), Statement(mixed, {next(iter(claims)): NEVER})


def _exchanged_words(words: Sequence[str], rng: random.Random) -> list[str]:
    """The words with two or three of them in another place, or all of them."""
    count = rng.choice((2, 3, len(words)))
    places = sorted(rng.sample(range(len(words)), min(count, len(words))))
    mixed = [*words]
    for place, word in zip(places, rng.sample([words[i] for i in places], len(places)), strict=True):
        mixed[place] = word
    return mixed


def _color_state(name: str, word: str) -> int:
    state = COLOR_WORDS[name].get(word)
    return NEVER if state is None else state_names(name).index(state)
