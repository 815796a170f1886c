"""The demo world: labels, true captions, the judge, and the demo models that ship with the package."""

import random

import pytest
import torch

import styleclip
from styleclip.demo.captions import Caption, caption, caption_text, claimed_states, matches, state_text, vocabulary
from styleclip.demo.judge import load_judge
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, Z_DIM, faces, with_state
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.weights.catalog import checkpoint_path

STATES = [(attribute.name, k) for attribute in ATTRIBUTES for k in range(len(attribute.states))]


@pytest.fixture(scope="module")
def models() -> Models:
    return styleclip.load("demo")


def normal(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(seed))


def test_attributes_are_mostly_clear_and_every_state_occurs() -> None:
    people = faces(normal(3000))
    for attribute in ATTRIBUTES:
        labels = people.labels[attribute.name]
        assert set(labels.tolist()) - {-1} == set(range(len(attribute.states)))
        assert (people.values[attribute.name].amax(dim=1) >= 0.8).float().mean() > 0.8


@pytest.mark.parametrize(("name", "state"), STATES)
def test_with_state_changes_one_attribute(name: str, state: int) -> None:
    attribute = next(a for a in ATTRIBUTES if a.name == name)
    z = normal(64)
    before, after = faces(z), faces(with_state(z, name, attribute.states[state]))
    assert after.values[name].argmax(dim=1).eq(state).all()
    others = [a.name for a in ATTRIBUTES if a.name != name]
    same = [(before.values[n].argmax(1) == after.values[n].argmax(1)).float().mean() for n in others]
    assert torch.stack(same).mean() > 0.97


def test_renders_are_pictures_and_differ() -> None:
    images = render(faces(normal(4)), 64)
    assert images.shape == (4, 3, 64, 64) and images.min() >= -1 and images.max() <= 1
    assert (images[0] - images[1]).abs().mean() > 0.1
    torch.testing.assert_close(images, render(faces(normal(4)), 64))


def test_captions_are_true_and_say_what_they_claim() -> None:
    people, rng = faces(normal(80)), random.Random(0)
    rows = [{name: int(labels[i]) for name, labels in people.labels.items()} for i in range(80)]
    captions = [caption(row, rng) for row in rows]
    true, unclear = matches(captions, people)
    assert true.diagonal().all() and not (true & unclear).any()
    assert all(claimed_states(item.text) == item.claims for item in captions)


def test_a_caption_without_claims_is_true_of_everybody() -> None:
    true, unclear = matches([Caption("a face", {})], faces(normal(10)))
    assert true.all() and not unclear.any()


@pytest.mark.parametrize(("name", "state"), STATES)
def test_every_state_can_be_said_and_understood(name: str, state: int) -> None:
    assert claimed_states(state_text(name, state)) == {name: state}
    assert claimed_states(caption_text({name: state}, random.Random(state))) == {name: state}


def test_the_vocabulary_covers_the_phrases() -> None:
    words = vocabulary()
    assert {"red", "hair", "smiling", "beard", "face"} <= set(words) and list(words) == sorted(words)


def test_the_judge_knows_unseen_renders() -> None:
    judge, people = load_judge(checkpoint_path("demo/judge.safetensors")), faces(normal(400, seed=123))
    verdict = judge.predict(render(people, 64))
    for attribute in ATTRIBUTES:
        truth, seen = people.labels[attribute.name], verdict[attribute.name].argmax(dim=1)
        recall = [(seen[truth == k] == k).float().mean().item() for k in range(len(attribute.states))]
        assert sum(recall) / len(recall) >= 0.95, attribute.name


def test_the_generator_paints_the_world(models: Models) -> None:
    z = normal(32, seed=5)
    images = models.generator(Latent(Space.Z, z)).clamp(-1, 1)
    error = (images - render(faces(z), models.generator.resolution)).square().mean().div(4)
    assert -10 * error.log10() > 20


def test_the_noise_inputs_are_trained(models: Models) -> None:
    latent = Latent(Space.Z, normal(2))
    difference = models.generator(latent, noise="random") - models.generator(latent, noise="none")
    assert 0.002 < difference.std() < 0.1


def test_clip_reads_the_generators_pictures(models: Models) -> None:
    z = normal(200, seed=6)
    images, people = models.generator(Latent(Space.Z, z)), faces(z)
    features = models.clip.encode_image(images)
    for name in ("hair_color", "eyewear", "hat", "beard", "expression"):
        states = next(len(a.states) for a in ATTRIBUTES if a.name == name)
        texts = models.clip.encode_text([state_text(name, k) for k in range(states)])
        clear = people.labels[name] >= 0
        right = (features @ texts.T).argmax(dim=1) == people.labels[name]
        assert right[clear].float().mean() > 0.8, name


def test_a_person_in_another_look_is_nearer_than_another_person(models: Models) -> None:
    z = normal(60, seed=7)
    looks = with_state(with_state(z, "hair_color", "pink"), "hat", "yes")
    assert models.identity is not None
    a, b = (models.identity.embed(render(faces(x), 64)) for x in (z, looks))
    nearest = (a @ b.T).argmax(dim=1)
    assert (nearest == torch.arange(60)).float().mean() > 0.8


def test_the_weights_are_small() -> None:
    files = list(checkpoint_path("demo").rglob("*.safetensors"))
    assert len(files) >= 12 and sum(file.stat().st_size for file in files) < 30e6
