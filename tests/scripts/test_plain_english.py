"""Captions in plain English: what they claim, and that no measured wording is among them."""

import random
from pathlib import Path

import pytest
import torch

import styleclip
from scripts.train_demo.clip import label_rows
from scripts.train_demo.plain_pieces import Spec, false_specs, opposite, piece_of, said, table, texts_of, true_specs
from scripts.train_demo.plain_sentences import FORMS, plain_pair, sentence
from scripts.train_demo.reserved import HELD_OUT, TUNING, is_reserved, measured_wordings, words_of
from scripts.train_demo.statements import Picture, statement_pair
from scripts.train_demo.styles import STYLES
from scripts.train_demo.truth import NEVER, holds
from scripts.train_demo.vocabulary import (
    caption_words,
    content_words,
    is_named,
    joined_words,
    spelled_words,
    wording_words,
)
from scripts.train_demo.wordnet import WordNet
from styleclip.demo.captions import state_names
from styleclip.demo.wordings import load_wordings
from styleclip.demo.world import ATTRIBUTES, Z_DIM, faces

UNSEEN = {each.unseen for path in (HELD_OUT, TUNING) for each in measured_wordings(path)} - {""}
MEASURED = {
    words_of(text)
    for text in (
        *(each.text for path in (HELD_OUT, TUNING) for each in measured_wordings(path)),
        *(each.text for name in ("tuning", "reporting") for each in load_wordings(name).wordings),
    )
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, int]]:
    return label_rows(faces(torch.randn(300, Z_DIM, generator=torch.Generator().manual_seed(0))))


def test_no_caption_is_measured_nor_has_an_unseen_word(rows: list[dict[str, int]]) -> None:
    rng, styles = random.Random(0), ["", "", *STYLES]
    pairs = [statement_pair(Picture(row, rng.choice(styles)), rng, plain=0.7) for row in rows * 6]
    texts = [words_of(each.text) for pair in pairs for each in pair]
    assert len(set(texts)) > 2500
    assert MEASURED.isdisjoint(texts) and UNSEEN.isdisjoint(word for words in texts for word in words)
    assert not any(words[:3] == ("a", "portrait", "of") for words in texts)


def test_no_table_has_an_unseen_word() -> None:
    assert len(UNSEEN) >= 18 and UNSEEN.isdisjoint(spelled_words([*texts_of(table())]))
    assert UNSEEN.isdisjoint(caption_words(600)) and content_words() <= caption_words(600)


def test_the_demo_clip_knows_the_words_of_its_captions_and_those_of_alternatives() -> None:
    clip = styleclip.load("demo", identity="none").clip
    known = set(clip.vocabulary or ())
    assert caption_words(600) <= known and wording_words() - known <= joined_words()
    assert known.isdisjoint(clip.neighbours) and {near for each in clip.neighbours.values() for near in each} <= known
    assert len(known) > 1500 and all(map(is_named, clip.neighbours))


@pytest.mark.parametrize(
    ("text", "reserved"),
    [
        ("She has red hair.", True),
        ("she has blonde hair", False),
        ("a clean shaven man", True),
        ("someone with azure eyes", True),
        ("a portrait of a man with a hat", True),
        ("a face not wearing a hat", True),
    ],
)
def test_reserved_texts(text: str, reserved: bool) -> None:
    assert is_reserved(text) == reserved


def test_the_first_of_a_pair_is_true_and_the_second_false(rows: list[dict[str, int]]) -> None:
    rng = random.Random(1)
    for row in rows * 2:
        true, false = plain_pair(row, rng) or pytest.fail("every face has a clear state")
        assert holds(true, row) and not holds(false, row) and true.text != ""


def test_every_state_has_words_of_its_own() -> None:
    rng = random.Random(2)
    for attribute in ATTRIBUTES:
        for state in range(len(attribute.states)):
            texts = {piece_of(Spec(attribute.name, state), rng).text for _ in range(60)}
            assert len(texts) >= 3, (attribute.name, state)


def test_a_denial_has_the_words_of_the_claim() -> None:
    hat = Spec("hat", 1)
    for seed in range(20):
        claim, denial = (
            sentence([piece_of(spec, random.Random(seed))], form, 0.3)
            for form in FORMS[:1]
            for spec in (hat, opposite(hat))
        )
        assert claim.claims == {"hat": 1} and denial.claims == {"hat": 0}
        assert claim.text != denial.text
    assert opposite(Spec("hat", 0)) == hat and opposite(opposite(hat)) == hat


def test_what_a_denial_says() -> None:
    eyewear, expression = state_names("eyewear"), state_names("expression")
    assert said(Spec("eyewear", eyewear.index("glasses"), denied=True)) == ({"eyewear": eyewear.index("none")}, {})
    assert said(Spec("eyewear", eyewear.index("sunglasses"), denied=True)) == ({}, {"eyewear": 2})
    assert said(Spec("expression", expression.index("sad"), denied=True)) == ({}, {"expression": 3})
    assert said(Spec("age", 1, denied=True)) == ({"age": 0}, {})


def test_colours_are_exchanged() -> None:
    brown, blue = (state_names("eye_color").index(color) for color in ("brown", "blue"))
    specs = [Spec("eye_color", blue), Spec("hair_color", state_names("hair_color").index("brown"))]
    exchanged = [Spec("eye_color", brown), Spec("hair_color", state_names("hair_color").index("blue"))]
    assert exchanged in [false_specs(specs, random.Random(seed)) for seed in range(12)]


def test_specs_are_true_of_their_face(rows: list[dict[str, int]]) -> None:
    rng = random.Random(3)
    for row in rows:
        for spec in true_specs(row, rng):
            claims, excluded = said(spec)
            assert all(row[name] == state for name, state in claims.items())
            assert all(row[name] not in (-1, state) for name, state in excluded.items())
            assert NEVER not in claims.values()


def test_the_words_of_alternatives_that_the_world_has() -> None:
    words = wording_words()
    assert {"bespectacled", "fedora", "emerald", "isn't", "gentleman", "shave"} <= words
    assert "zombie" not in words and "necklace" not in words and "title" not in words


def test_definitions_are_read(tmp_path: Path) -> None:
    for kind in ("adj", "noun", "verb", "adv"):
        (tmp_path / f"data.{kind}").write_text("  1 licence\n")
        (tmp_path / f"index.{kind}").write_text("  1 licence\n")
    (tmp_path / "data.noun").write_text(
        "  1 licence\n00000001 06 n 01 headgear 0 000 | what is worn on the head\n"
        '00000002 06 n 02 hat 0 lid 0 001 @ 00000001 n 0000 | headdress with a brim; "his hat"\n'
    )
    (tmp_path / "index.noun").write_text("  1 licence\nhat n 1 1 @ 1 1 00000002\n")
    wordnet = WordNet(tmp_path)
    assert wordnet.definitions("hats") == ["headdress with a brim; hat, lid, headgear"]
    assert wordnet.definitions("hat", longest=9) == ["headdress; lid, headgear"]
    assert wordnet.definitions("zebra") == []
