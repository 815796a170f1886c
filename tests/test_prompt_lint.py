"""Warnings about prompts that a CLIP is known to misread, and none about others."""

from __future__ import annotations

import pytest

from styleclip.evaluate.composition.questions import FORMS
from styleclip.prompt_lint import NEGATIONS, SWAP, binds_two_colors, lint, measured, negation, warn_prompts
from styleclip.prompt_words import PromptWarning
from styleclip.weights.catalog import catalog
from tests.helpers.tiny import tiny_clip


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a face without glasses", "without"),
        ("a face with no beard", "with no"),
        ("no hat", "with no"),
        ("a man not wearing glasses", "not wearing"),
        ("He isn\u2019t wearing a hat", "not wearing"),
        ("a woman who never wears makeup", "not wearing"),
        ("a face wearing no hat", "not wearing"),
        ("a face who does not have a beard", "does not have"),
        ("a man that doesn't smile", "does not have"),
        ("a face wearing a hat", None),
        ("a note on a knot", None),
    ],
)
def test_forms_of_negation(text: str, form: str | None) -> None:
    assert negation(text) == form


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("a face with red hair and a blue shirt", True),
        ("a red-haired woman on a green background", True),
        ("a red hat and a red shirt", False),
        ("a face with red hair", False),
        ("a black and white photo of a face", False),
    ],
)
def test_two_things_with_colours(text: str, binds: bool) -> None:
    assert binds_two_colors(text) == binds


def test_the_measured_clips() -> None:
    """The catalog measures what evaluate asks."""
    for shares in catalog()["composition"].values():
        assert {*shares} == {*FORMS, SWAP} == {*NEGATIONS, SWAP} and all(0 <= share <= 1 for share in shares.values())
    assert measured("demo")["without"] > 0.9 and measured("another") == {}


def test_the_sentence_has_the_share_and_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {**dict.fromkeys(NEGATIONS, 0.0), "without": 0.98, SWAP: 1.0}
    monkeypatch.setitem(catalog(), "composition", {"tiny": shares})
    [sentence] = lint("tiny", ["a face", "a face not wearing glasses"])
    assert sentence == (
        "the tiny CLIP misreads 'a face not wearing glasses' (it is right about such texts in 0 %); "
        'write "without ..." instead, which it reads rightly in 98 %'
    )
    assert lint("tiny", ["a face without glasses", "red hair and a blue shirt"]) == []
    assert lint("another", ["a face not wearing glasses", "red hair and a blue shirt"]) == []


def test_a_clip_that_reads_no_negation_and_mixes_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {**dict.fromkeys(NEGATIONS, 0.1), SWAP: 0.2}
    monkeypatch.setitem(catalog(), "composition", {"tiny": shares})
    clip = tiny_clip()
    clip.vocabulary = None
    with pytest.warns(PromptWarning) as found:
        warn_prompts(clip, ["a face without red hair", "red hair and a blue hat"])
    negated, swapped = (str(each.message) for each in found)
    assert negated.endswith('in 10 %); say what the picture shows instead, e.g. "a shaved face"')
    assert swapped.startswith("the tiny CLIP mixes up the colours of 'red hair and a blue hat'") and "--edit" in swapped
