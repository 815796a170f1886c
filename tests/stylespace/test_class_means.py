"""Steps between class means, in a planted world and against sums written out."""

import pytest
import torch
import torch.nn.functional as F

from styleclip.claims import Claim
from styleclip.latents import Latent, Space
from styleclip.prompts import Prompt
from styleclip.stylespace.claim_classes import ClaimClasses, sample_labels
from styleclip.stylespace.class_means import ClassMeans, SampleGoal, class_means, sample_goal
from styleclip.stylespace.samples import sample_w, see_samples
from tests.helpers.tiny import tiny_models

AXES = torch.eye(6)
CLASSES = ClaimClasses(Claim("red", "hair", ("red",), ("grey",)), ("red", "grey"), AXES[:2], scale=60.0)
OTHER = ClaimClasses(Claim("old", "age", ("old",), ("young",)), ("old", "young"), AXES[2:4], scale=60.0)


@pytest.mark.parametrize("space", [Space.W, Space.S])
def test_means_are_those_of_the_labelled_samples(space: Space) -> None:
    models = tiny_models()
    samples = see_samples(models, 150)
    features = F.normalize(torch.randn(2, samples.features.shape[1], generator=torch.Generator().manual_seed(3)), dim=1)
    classes = ClaimClasses(CLASSES.claim, CLASSES.texts, features, scale=5.0)
    [means] = class_means(models, samples, [classes], space)
    labels = sample_labels(classes, samples)
    latents = models.generator.to_space(Latent(Space.W, sample_w(models.generator, samples)), space).data
    torch.testing.assert_close(means.latents, labels.T @ latents, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(means.features, labels.T @ samples.features, atol=1e-5, rtol=1e-5)


def test_an_image_goes_from_its_own_state_and_stays_where_it_shows_the_claim() -> None:
    means = ClassMeans(CLASSES, features=AXES[:2], latents=torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    feature, latent = means.step(AXES[:2])
    torch.testing.assert_close(feature, torch.stack([0 * AXES[0], AXES[0] - AXES[1]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(latent, torch.tensor([[0.0, 0.0], [1.0, -2.0]]), atol=1e-5, rtol=0)


def test_a_goal_adds_the_claims_and_scales_with_the_strength() -> None:
    both = [
        ClassMeans(CLASSES, AXES[:2], torch.tensor([[1.0], [0.0]])),
        ClassMeans(OTHER, AXES[2:4], torch.tensor([[0.0], [5.0]])),
    ]
    image = F.normalize(AXES[1] + AXES[3], dim=0)[None]  # grey and young
    feature, latent = SampleGoal(both, strength=2.0).step(image)
    assert latent.item() == pytest.approx(2 * (1 - 5), abs=1e-4)
    torch.testing.assert_close(feature[0], 2 * (AXES[0] - AXES[1] + AXES[2] - AXES[3]), atol=1e-4, rtol=0)
    torch.testing.assert_close(SampleGoal(both).target(image).norm(dim=1), torch.ones(1))
    assert SampleGoal(both).shown(image).item() < 1e-6
    assert SampleGoal(both).shown(F.normalize(AXES[0] + AXES[2], dim=0)[None]).item() > 0.99


def test_samples_are_drawn_where_none_are_at_hand() -> None:
    models, steps = tiny_models(), []
    goal = sample_goal(models, Prompt("red hair", "a face"), Space.W, count=40, on_step=steps.append)
    assert goal.samples >= 40 and steps[-1].total == 40
    again: list[object] = []
    sample_goal(models, Prompt("old hair", "a face"), Space.S, count=40, on_step=again.append)
    assert not again, "the samples are kept"
    details = goal.details(models.clip_features(Latent(Space.W, torch.zeros(3, 8))))
    assert len(details["shown"]) == 3 and details["claims"][0]["targets"] == ("red hair",)
