"""The held-out CLIP and recogniser of the demo world: what they know, and that they share nothing with the editors'."""

from __future__ import annotations

import pytest
import torch

import styleclip
from styleclip.demo.captions import state_text
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, Z_DIM, Attribute, Faces, faces, with_state
from styleclip.loading import load_identity
from styleclip.networks.clip import CLIP
from styleclip.networks.plain_tower import PlainTower
from styleclip.weights.locate import model_parts
from tests.helpers.direction_files import normal

COUNT = 120


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return styleclip.load_clip(str(model_parts("demo")["judge_clip"]))


@pytest.fixture(scope="module")
def people() -> Faces:
    return faces(normal(COUNT, Z_DIM, seed=41))


@pytest.fixture(scope="module")
def features(clip: CLIP, people: Faces) -> torch.Tensor:
    return clip.encode_image(render(people, 64))


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda each: each.name)
def test_the_clip_reads_every_attribute(
    clip: CLIP, people: Faces, features: torch.Tensor, attribute: Attribute
) -> None:
    texts = clip.encode_text([state_text(attribute.name, k) for k in range(len(attribute.states))])
    truth = people.labels[attribute.name]
    right = (features @ texts.T).argmax(dim=1) == truth
    assert right[truth >= 0].float().mean() > 0.9


def test_the_clip_has_words_and_no_weight_of_the_editors(clip: CLIP) -> None:
    editors = styleclip.load_clip("demo")
    assert {*clip.vocabulary} <= {*editors.vocabulary} and clip.name != editors.name
    assert isinstance(clip.model.visual, PlainTower) and not isinstance(editors.model.visual, PlainTower)
    theirs = [each for each in editors.parameters() if each.ndim > 1]
    mine = [each for each in clip.parameters() if each.ndim > 1]
    assert not any(a.shape == b.shape and torch.allclose(a, b, atol=1e-2) for a in mine for b in theirs)


def test_the_recogniser_tells_persons_from_looks() -> None:
    recogniser = load_identity(str(model_parts("demo")["judge_identity"]))
    assert recogniser is not None
    z = normal(60, Z_DIM, seed=7)
    looks = with_state(with_state(z, "hair_color", "pink"), "hat", "yes")
    a, b = (recogniser.embed(render(faces(x), 64)) for x in (z, looks))
    assert ((a @ b.T).argmax(dim=1) == torch.arange(60)).float().mean() > 0.8
