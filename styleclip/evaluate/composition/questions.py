"""Questions of composition about renders of the demo world: which caption belongs to which picture?

The pictures of a question are renders of one face that differ in what its captions say, and in nothing else; the
captions have the same words in another order, or differ by a negation. So each caption is true of one picture and false
of the other by construction. All begin with "a portrait of", as no training caption of the demo CLIP does, except for
"a face not wearing ...", which is kept out of its training (scripts/train_demo/hard_negatives.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Literal, NamedTuple

from styleclip.demo.captions import Claims, claimed_states, state_names
from styleclip.evaluate.composition.word_order import Tag, perturbations

Task = Literal["swap", "scope", "negation", "order"]
TASKS: tuple[Task, ...] = ("swap", "scope", "negation", "order")
SUBJECTS = ("a portrait of a person", "a portrait of a man", "a portrait of a woman")

COLORED = {  # attribute -> how a colour of it is worded
    "hair_color": "with {} hair",
    "eye_color": "with {} eyes",
    "shirt": "in a {} shirt",
    "background": "on a {} background",
}
PRESENT = {  # attribute -> (its state, the words with and without an article) of what a face has or lacks
    "hat": ("yes", "a hat", "hat"),
    "eyewear": ("glasses", "glasses", "glasses"),
    "earrings": ("yes", "earrings", "earrings"),
    "makeup": ("yes", "makeup", "makeup"),
    "beard": ("yes", "a beard", "beard"),
    "moustache": ("yes", "a moustache", "moustache"),
    "freckles": ("yes", "freckles", "freckles"),
}
WORN = ("hat", "eyewear", "earrings", "makeup")
FORMS = {  # negation -> subjects, and the frames with the thing and without it
    "without": (SUBJECTS, "with {a}", "without {a}"),
    "with no": (SUBJECTS, "with {a}", "with no {x}"),
    "not wearing": ((*SUBJECTS, "a face"), "wearing {a}", "not wearing {a}"),
    "does not have": (SUBJECTS, "who has {a}", "who does not have {a}"),
}
NOUNS = ("portrait", "person", "man", "woman", "hair", "eyes", "shirt", "background")


class Shown(NamedTuple):
    """A picture: the face of a seed with these states, as (attribute, state) pairs."""

    seed: int
    claims: tuple[tuple[str, int], ...]


class Question(NamedTuple):
    """Pictures and captions: caption i is true of picture i; of all other pictures and captions it is false.

    `form` is the part of the task: the words of the negation, or the attributes.
    """

    task: Task
    form: str
    pictures: tuple[Shown, ...]
    captions: tuple[str, ...]


def ask(seeds: Sequence[int]) -> list[Question]:
    """The questions about the faces of these seeds: of each one of every task, and of every form of negation."""
    return [each for seed in seeds for make in MAKERS for each in make(seed, random.Random(f"{make.__name__} {seed}"))]


def swap_questions(seed: int, rng: random.Random) -> Iterator[Question]:
    """Two colours of two things, exchanged: "red hair in a blue shirt", "blue hair in a red shirt"."""
    first, second, one, other = rng.choice(_colour_pairs())
    subject = rng.choice(SUBJECTS)
    frame = f"{subject} {COLORED[first]} {COLORED[second]}"
    yield Question(
        "swap",
        f"{first}, {second}",
        (_shown(seed, {first: one, second: other}), _shown(seed, {first: other, second: one})),
        (frame.format(one, other), frame.format(other, one)),
    )


def scope_questions(seed: int, rng: random.Random) -> Iterator[Question]:
    """Which of two things is negated: "with glasses and no hat", "with a hat and no glasses"."""
    first, second = rng.sample([*PRESENT], 2)
    subject = rng.choice(SUBJECTS)
    yield Question(
        "scope",
        ", ".join(sorted((first, second))),
        (_shown(seed, _present(first) | _absent(second)), _shown(seed, _absent(first) | _present(second))),
        tuple(
            f"{subject} with {PRESENT[has][1]} and no {PRESENT[lacks][2]}"
            for has, lacks in ((first, second), (second, first))
        ),
    )


def negation_questions(seed: int, rng: random.Random) -> Iterator[Question]:
    """Something that a face has and lacks, in every form of negation."""
    for form, (subjects, having, lacking) in FORMS.items():
        name = rng.choice(WORN if form == "not wearing" else [*PRESENT])
        _, with_article, bare = PRESENT[name]
        subject = rng.choice(subjects)
        yield Question(
            "negation",
            f"{form}, {name}",
            (_shown(seed, _present(name)), _shown(seed, _absent(name))),
            tuple(f"{subject} {frame.format(a=with_article, x=bare)}" for frame in (having, lacking)),
        )


def order_questions(seed: int, rng: random.Random) -> Iterator[Question]:
    """A caption against ARO's four disorders of its words, none of which says the same."""
    first, second, one, other = rng.choice(_colour_pairs())
    frame = f"{rng.choice(SUBJECTS)} {COLORED[first]} {COLORED[second]}"
    words = frame.format(one, other).split()
    tags = [_tag(word) for word in words]
    caption = " ".join(words)
    states = claimed_states(caption)
    disorders = [_disorder(perturb, words, tags, states, rng) for perturb in perturbations]
    claims = _named({first: one, second: other})
    yield Question("order", f"{first}, {second}", (Shown(seed, claims),), (caption, *disorders))


MAKERS: tuple[Callable[[int, random.Random], Iterator[Question]], ...] = (
    swap_questions,
    scope_questions,
    negation_questions,
    order_questions,
)


def _colour_pairs() -> list[tuple[str, str, str, str]]:
    """Two attributes in the order of COLORED, and two colours that both of them can have, in both orders."""
    names = [*COLORED]
    return [
        (first, second, one, other)
        for i, first in enumerate(names)
        for second in names[i + 1 :]
        for one, other in permutations([c for c in state_names(first) if c in state_names(second)], 2)
    ]


def _shown(seed: int, states: dict[str, str]) -> Shown:
    return Shown(seed, _named(states))


def _named(states: dict[str, str]) -> tuple[tuple[str, int], ...]:
    return tuple((name, state_names(name).index(state)) for name, state in states.items())


def _present(name: str) -> dict[str, str]:
    return {name: PRESENT[name][0]}


def _absent(name: str) -> dict[str, str]:
    return {name: state_names(name)[0]}


def _tag(word: str) -> Tag:
    if word in NOUNS:
        return "noun"
    return "adjective" if any(word in state_names(name) for name in COLORED) else "other"


def _disorder(
    perturb: Callable[[Sequence[str], Sequence[Tag], random.Random], list[str]],
    words: Sequence[str],
    tags: Sequence[Tag],
    states: Claims,
    rng: random.Random,
) -> str:
    """The words in a disorder that is not the caption, and does not bind the same colours to the same things."""
    while True:
        text = " ".join(perturb(words, tags, rng))
        if text != " ".join(words) and (perturb is not perturbations[0] or claimed_states(text) != states):
            return text
