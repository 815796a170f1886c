"""Sixty wordings that no training caption had: the demo CLIP tells the pictures of which they are true."""

import pytest

import styleclip
from scripts.train_demo.reserved import HELD_OUT, TUNING, measured_wordings
from scripts.train_demo.wording_scores import LEAST, faces_for, generated_features, wording_aucs

WORDINGS = measured_wordings(HELD_OUT)


@pytest.fixture(scope="module")
def areas() -> dict[str, float]:
    models = styleclip.load("demo", identity="none")
    features, people = generated_features(models.clip, models.generator, faces_for(WORDINGS, count=120, of_each=3))
    found = wording_aucs(models.clip, WORDINGS, features, people)
    return {each.text: area for each, area in zip(WORDINGS, found, strict=True)}


def test_sixty_wordings_are_held_out() -> None:
    assert len({each.text for each in WORDINGS}) == 60
    assert sum(each.unseen != "" for each in WORDINGS) == 10
    assert {each.text for each in WORDINGS}.isdisjoint(each.text for each in measured_wordings(TUNING))


def test_nearly_all_are_read(areas: dict[str, float]) -> None:
    assert sum(area >= LEAST for area in areas.values()) >= 55, {k: v for k, v in areas.items() if v < LEAST}


def test_none_is_read_as_its_opposite(areas: dict[str, float]) -> None:
    assert min(areas.values()) > 0.6
