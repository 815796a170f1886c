"""Captions of faces in the demo world, the states that a text claims, and which caption is true of which face."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.demo.world import ATTRIBUTES, CLEAR, Faces

Claims = dict[str, int]  # attribute -> state
NOUNS = ("face", "person", "portrait", "man", "woman", "head")

# A state is worded as an adjective ("a smiling face"), as a possession ("a face with glasses") or as a phrase behind
# the noun ("a face on a blue background"). The first phrase of each state is used where one sentence names the state.
ADJECTIVE, HAVING, BEHIND = "a {} face", "a face with {}", "a face {}"
PHRASES: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "hair_color": {
        color: {HAVING: tuple(f"{word} hair" for word in words), ADJECTIVE: tuple(f"{word}-haired" for word in words)}
        for color, words in {
            "black": ("black", "dark"),
            "brown": ("brown", "brunette"),
            "blonde": ("blonde", "blond", "golden"),
            "red": ("red", "ginger", "orange"),
            "grey": ("grey", "gray", "white", "silver"),
            "blue": ("blue",),
            "pink": ("pink",),
        }.items()
    },
    "hair_length": {"short": {HAVING: ("short hair",)}, "long": {HAVING: ("long hair",), ADJECTIVE: ("long-haired",)}},
    "hair_texture": {
        "straight": {HAVING: ("straight hair", "smooth hair")},
        "curly": {HAVING: ("curly hair", "curls", "an afro", "wavy hair"), ADJECTIVE: ("curly-haired",)},
    },
    "bangs": {
        "no": {HAVING: ("no bangs", "a bare forehead"), BEHIND: ("without bangs",)},
        "yes": {HAVING: ("bangs", "a fringe")},
    },
    "bald": {
        "no": {HAVING: ("hair", "a full head of hair")},
        "yes": {ADJECTIVE: ("bald", "shaved"), HAVING: ("no hair", "a bald head"), BEHIND: ("without hair",)},
    },
    "hat": {
        "no": {HAVING: ("no hat",), BEHIND: ("without a hat",)},
        "yes": {BEHIND: ("wearing a hat", "wearing a cap", "wearing a beanie"), HAVING: ("a hat", "a beanie", "a cap")},
    },
    "eyewear": {
        "none": {HAVING: ("no glasses",), BEHIND: ("without glasses",)},
        "glasses": {BEHIND: ("wearing glasses", "wearing spectacles"), HAVING: ("glasses", "eyeglasses")},
        "sunglasses": {BEHIND: ("wearing sunglasses", "in shades"), HAVING: ("sunglasses", "dark glasses")},
    },
    "eye_color": {
        color: {HAVING: (f"{color} eyes",), ADJECTIVE: (f"{color}-eyed",)} for color in ("brown", "blue", "green")
    },
    "expression": {
        "neutral": {HAVING: ("a neutral expression",), ADJECTIVE: ("calm", "serious")},
        "smiling": {ADJECTIVE: ("smiling", "happy", "laughing"), HAVING: ("a smile", "a big smile", "a grin")},
        "surprised": {ADJECTIVE: ("surprised", "shocked", "amazed"), HAVING: ("an open mouth", "a surprised look")},
        "sad": {ADJECTIVE: ("sad", "unhappy", "crying"), HAVING: ("a frown", "a sad look")},
        "angry": {ADJECTIVE: ("angry", "furious", "mad"), HAVING: ("an angry look", "a scowl")},
    },
    "beard": {
        "no": {HAVING: ("no beard",), BEHIND: ("without a beard",), ADJECTIVE: ("beardless",)},
        "yes": {HAVING: ("a beard", "a full beard"), ADJECTIVE: ("bearded",)},
    },
    "moustache": {
        "no": {HAVING: ("no moustache",), BEHIND: ("without a moustache",)},
        "yes": {HAVING: ("a moustache", "a mustache")},
    },
    "makeup": {
        "no": {HAVING: ("no makeup",), BEHIND: ("without makeup",)},
        "yes": {BEHIND: ("wearing makeup", "wearing lipstick"), HAVING: ("makeup", "make-up", "red lips", "lipstick")},
    },
    "freckles": {
        "no": {HAVING: ("no freckles", "clear skin"), BEHIND: ("without freckles",)},
        "yes": {HAVING: ("freckles",), ADJECTIVE: ("freckled",)},
    },
    "age": {
        "young": {ADJECTIVE: ("young", "youthful"), HAVING: ("no wrinkles",)},
        "old": {ADJECTIVE: ("old", "elderly", "aged", "wrinkled"), HAVING: ("wrinkles",)},
    },
    "skin": {
        "light": {HAVING: ("light skin", "pale skin"), ADJECTIVE: ("pale",)},
        "medium": {HAVING: ("tanned skin",), ADJECTIVE: ("tanned",)},
        "dark": {HAVING: ("dark skin", "black skin"), ADJECTIVE: ("dark-skinned",)},
    },
    "earrings": {
        "no": {HAVING: ("no earrings",), BEHIND: ("without earrings",)},
        "yes": {BEHIND: ("wearing earrings",), HAVING: ("earrings", "gold earrings", "jewelry")},
    },
    "background": {
        color: {BEHIND: tuple(f"{where} a {word} background" for word in words for where in ("on", "in front of"))}
        for color, words in {
            "blue": ("blue",),
            "green": ("green",),
            "yellow": ("yellow",),
            "purple": ("purple", "violet"),
            "grey": ("grey", "gray"),
        }.items()
    },
    "shirt": {
        color: {BEHIND: (f"in a {color} shirt", f"wearing a {color} shirt"), HAVING: (f"a {color} shirt",)}
        for color in ("white", "red", "blue", "black", "yellow")
    },
}


@dataclass(frozen=True)
class Caption:
    """A text and the states it claims; a text without claims ("a face") is true of every face."""

    text: str
    claims: Claims


def caption(labels: dict[str, int], rng: random.Random, most: int = 3) -> Caption:
    """A true caption of one face: random claims, at most `most`, about attributes with a clear state (label not -1)."""
    clear = [name for name, label in labels.items() if label >= 0]
    claims = {name: labels[name] for name in rng.sample(clear, min(rng.randint(0, most), len(clear)))}
    return Caption(caption_text(claims, rng), claims)


def caption_text(claims: Claims, rng: random.Random) -> str:
    """A sentence that states the claims; `rng` chooses the words."""
    phrases: dict[str, list[str]] = {ADJECTIVE: [], HAVING: [], BEHIND: []}
    for name, state in claims.items():
        forms = PHRASES[name][state_names(name)[state]]
        form = rng.choice([form for form, words in forms.items() for _ in words])
        phrases[form].append(rng.choice(forms[form]))
    adjectives = " ".join([*phrases[ADJECTIVE], rng.choice(NOUNS) if rng.random() < 0.4 else "face"])
    having = f" with {' and '.join(phrases[HAVING])}" if phrases[HAVING] else ""
    behind = "".join(f" {phrase}" for phrase in phrases[BEHIND])
    article = "an" if adjectives[0] in "aeiou" else "a"
    return f"{article} {adjectives}{having}{behind}"


def state_text(attribute: str, state: int) -> str:
    """The sentence with the first phrase of a state, for example "a face with red hair"."""
    form, phrases = next(iter(PHRASES[attribute][state_names(attribute)[state]].items()))
    text = form.format(phrases[0])
    return text.replace("a a", "an a").replace("a old", "an old")


def other_states(claims: Claims) -> tuple[str, ...]:
    """A sentence for every state that a claimed attribute may have instead: "a face with black hair", ... for red."""
    return tuple(
        state_text(name, other)
        for name, state in claims.items()
        for other in range(len(state_names(name)))
        if other != state
    )


def matches(captions: Sequence[Caption], faces: Faces) -> tuple[Tensor, Tensor]:
    """Two bool tensors [captions, faces]: `true`, and `unclear` where neither is certain.

    A claim about a hidden attribute (eye colour behind sunglasses) is false. A claim about an attribute without a clear
    state makes the pair unclear.
    """
    true = torch.ones(len(captions), len(faces), dtype=torch.bool)
    unclear = torch.zeros_like(true)
    for attribute in ATTRIBUTES:
        name, blurred = attribute.name, faces.values[attribute.name].amax(dim=1) < CLEAR
        for row, item in enumerate(captions):
            if name in item.claims:
                holds = faces.labels[name] == item.claims[name]
                true[row] &= holds
                unclear[row] |= blurred & ~holds
    return true, unclear & ~true


def claimed_states(text: str) -> Claims:
    """The states that a text claims. Of overlapping phrases the longest counts ("dark glasses" is not "glasses")."""
    rest, claims = f" {text.lower().rstrip('.!')} ", {}
    for phrase, name, state in sorted(_phrases(), key=lambda item: -len(item[0])):
        if f" {phrase} " in rest and name not in claims:
            rest = rest.replace(f" {phrase} ", "  ")
            claims[name] = state
    return claims


def _phrases() -> list[tuple[str, str, int]]:
    return [
        (phrase, name, state_names(name).index(state))
        for name, states in PHRASES.items()
        for state, forms in states.items()
        for phrases in forms.values()
        for phrase in phrases
    ]


def vocabulary() -> tuple[str, ...]:
    """Every word of the phrases, sorted: the vocabulary of the demo CLIP."""
    phrases = [
        word for states in PHRASES.values() for forms in states.values() for words in forms.values() for word in words
    ]
    words = {part for phrase in (*phrases, *NOUNS) for part in phrase.replace("-", " ").split()}
    return tuple(sorted(words | {"a", "an", "with", "and"}))


def state_names(name: str) -> tuple[str, ...]:
    return next(attribute.states for attribute in ATTRIBUTES if attribute.name == name)
