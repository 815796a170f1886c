"""Questions of composition: their pictures differ in what their captions say, and in nothing else."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from styleclip.demo.captions import claimed_states
from styleclip.demo.world import faces
from styleclip.evaluate.composition.questions import PRESENT, TASKS, Question, ask
from styleclip.evaluate.composition.renders import clear_questions, latents
from styleclip.evaluate.composition.word_order import perturbations

SEEDS = range(7000, 7040)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return clear_questions(ask(SEEDS))


def test_every_seed_asks_every_task(questions: list[Question]) -> None:
    counts = Counter(each.task for each in questions)
    assert {*counts} == {*TASKS} and sum(counts.values()) > 0.97 * 7 * len(SEEDS)
    assert ask(SEEDS) == [each for seed in SEEDS for each in ask([seed])]


def test_the_pictures_differ_in_the_claimed_attributes_alone(questions: list[Question]) -> None:
    pairs = [each for each in questions if len(each.pictures) == 2]
    first, second = (faces(latents([each.pictures[i] for each in pairs])) for i in (0, 1))
    for row, each in enumerate(pairs):
        claimed = [dict(picture.claims) for picture in each.pictures]
        for name in first.labels:
            labels = int(first.labels[name][row]), int(second.labels[name][row])
            if name in claimed[0]:
                assert labels == (claimed[0][name], claimed[1][name]) and labels[0] != labels[1]
            elif min(labels) >= 0:
                assert labels[0] == labels[1], (name, each)


def test_the_captions_say_what_the_pictures_show(questions: list[Question]) -> None:
    """By the grammar of the demo world, for the tasks whose words it reads."""
    swaps = [each for each in questions if each.task == "swap"]
    assert len(swaps) > 30
    for each in swaps:
        known = [claimed_states(caption) for caption in each.captions]
        for states, picture in zip(known, each.pictures, strict=True):
            assert states.items() <= dict(picture.claims).items()
        assert Counter(each.captions[0].split()) == Counter(each.captions[1].split())


def test_a_scope_has_the_same_words_in_both_captions(questions: list[Question]) -> None:
    for each in questions:
        if each.task == "scope":
            words = [Counter(word for word in caption.split() if word != "a") for caption in each.captions]
            assert words[0] == words[1] and each.captions[0] != each.captions[1]


def test_a_negation_adds_a_word_of_denial(questions: list[Question]) -> None:
    for each in questions:
        if each.task == "negation":
            denials = [{"no", "not", "without"} & {*caption.split()} for caption in each.captions]
            assert not denials[0] and len(denials[1]) == 1
            [(name, state)] = each.pictures[0].claims
            assert PRESENT[name][2] in each.captions[0] and state == 1 and each.pictures[1].claims == ((name, 0),)


def test_an_order_has_one_caption_and_four_disorders(questions: list[Question]) -> None:
    for each in questions:
        if each.task == "order":
            caption, *others = each.captions
            assert len(each.pictures) == 1 and len(others) == 4 and caption not in others
            assert all(Counter(other.split()) == Counter(caption.split()) for other in others)
            assert claimed_states(others[0]) != claimed_states(caption)


def test_the_perturbations_move_what_they_say() -> None:
    words, tags = ["the", "red", "hat", "and", "a", "big", "dog", "by", "trees"], ["other", "adjective", "noun"] * 3
    nouns, others, within, trigrams = (perturb(words, tags, random.Random(1)) for perturb in perturbations)
    assert [word for word, tag in zip(nouns, tags, strict=True) if tag == "other"] == words[::3]
    assert {*nouns[2::3]} == {*words[2::3]} and {*nouns[1::3]} == {*words[1::3]} and nouns != words
    assert others[1::3] == words[1::3] and {*others[::3]} == {*words[::3]} and others != words
    assert [{*within[i : i + 3]} for i in (0, 3, 6)] == [{*words[i : i + 3]} for i in (0, 3, 6)] and within != words
    assert sorted([trigrams[i : i + 3] for i in (0, 3, 6)]) == sorted([words[i : i + 3] for i in (0, 3, 6)])
