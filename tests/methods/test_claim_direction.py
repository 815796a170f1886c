"""Directions by regression, on the demo models: each face from its own state, no further than the samples."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.demo.judge import Judge, load_judge
from styleclip.directions.loading import load_direction, save_direction
from styleclip.editor import Editor
from styleclip.errors import UsageError, WeightError
from styleclip.latents import Latent, Space
from styleclip.methods import claim_alpha
from styleclip.methods.claim_direction import claim_directions
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.style_direction import StrengthWarning, StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.stylespace.class_means import class_means
from styleclip.weights.catalog import checkpoint_path

PROMPT = Prompt("a face with red hair")
RED = 3  # of the hair colours
METHOD = GlobalDirection(relevance="regression")


@pytest.fixture(scope="module")
def models(demo: Models) -> Models:
    return demo


@pytest.fixture(scope="module")
def styles(models: Models) -> Latent:
    return models.generator.to_space(Editor(models).sample(seeds=range(24)), Space.S)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge(checkpoint_path("demo/judge.safetensors"))


@pytest.fixture(scope="module")
def red(models: Models) -> StyleDirection:
    return METHOD.find(models, PROMPT)


def test_alpha_1_reaches_the_samples_of_the_target(models: Models) -> None:
    """The row is the multiple of the regression's step that is nearest to the difference of the class means."""
    [claim], regression = claim_directions(models, PROMPT, 2000, "prompt")
    samples = models.samples()
    assert samples is not None
    [means] = class_means(models, samples, [claim.classes], Space.S)
    wanted = (means.latents[0] - means.latents[1:]) / regression.std
    rows, zero = claim.rows / regression.std, torch.zeros(len(claim.rows))
    torch.testing.assert_close(((wanted - rows) * rows).sum(dim=1), zero, atol=1e-2, rtol=0)
    texts, images = (F.normalize(each[0] - each[1:], dim=-1) for each in (claim.classes.features, means.features))
    step = regression(texts + images) / regression.std
    torch.testing.assert_close(torch.cosine_similarity(rows, step), torch.ones(len(rows)))
    assert (torch.cosine_similarity(rows, wanted) > 0.6).all()


def test_alpha_0_is_the_source_and_minus_alpha_undoes_alpha(
    models: Models, styles: Latent, red: StyleDirection
) -> None:
    still = red.at(0.0)(models, styles, PROMPT)
    assert torch.equal(still.data, styles.data)
    directions = red.directions(models, styles)
    there = styles + 1.3 * directions
    torch.testing.assert_close((there + -1.3 * directions).data, styles.data, atol=1e-5, rtol=0)
    assert not torch.equal(directions.data[0], directions.data[1]), "each face has its own"


@pytest.mark.parametrize(
    ("prompt", "attribute", "state"),
    [
        (PROMPT, "hair_color", RED),
        (Prompt("a smiling face"), "expression", 1),
        (Prompt("a face with glasses"), "eyewear", 1),
    ],
    ids=["red", "smile", "glasses"],
)
def test_the_judge_sees_more_of_the_target_as_alpha_rises(
    prompt: Prompt, attribute: str, state: int, models: Models, styles: Latent, judge: Judge
) -> None:
    directions = METHOD.find(models, prompt).directions(models, styles)
    ladder = (styles + float(alpha) * directions for alpha in torch.linspace(0, 1.2, 7))
    probability = torch.stack([judge.predict(models.render(each))[attribute][:, state] for each in ladder])
    rises = probability[1:] - probability[:-1] > -0.01
    assert rises.float().mean() >= 0.95 and probability[-1].mean() > probability[0].mean() + 0.4


def test_auto_leaves_faces_alone_that_show_it_and_says_so(models: Models, styles: Latent, red: StyleDirection) -> None:
    edited, details = red.edit_with_details(models, styles, PROMPT)
    shown = torch.tensor(details["shown"]) >= 0.5
    assert 0 < shown.sum() < 20
    assert torch.equal(edited.data[shown], styles.data[shown])
    alpha = torch.tensor(details["alpha"])
    assert (alpha[shown] == 0).all() and (alpha[~shown] >= 1).all() and alpha.max() <= 1.6
    assert details["claims"][0]["attribute"] == "hair colour" and details["relevance"]["source"] == "regression"


def test_one_of_two_claims_that_is_shown_stays(models: Models, styles: Latent) -> None:
    both = METHOD.find(models, Prompt("a face with red hair and glasses"))
    hair, glasses = both.claims
    features = models.clip_features(styles)
    has_glasses = glasses.shown(features) & ~hair.shown(features)
    assert has_glasses.any()
    found = both.directions(models, styles).data[has_glasses]
    torch.testing.assert_close(found, hair.step(features)[has_glasses])
    assert both.at(1.0).directions(models, styles).data[has_glasses].sub(found).abs().max() > 0


def test_a_target_identity_keeps_the_person(models: Models, styles: Latent) -> None:
    prompt, identity = Prompt("a bald face"), models.identity
    assert identity is not None
    method = replace(METHOD, target_identity=0.95)
    edited, details = method.edit_with_details(models, styles[:4], prompt)
    faces = [identity.embed(models.render(latent)) for latent in (styles[:4], edited)]
    assert ((faces[0] * faces[1]).sum(dim=1) >= 0.95 - 1e-4).all()
    free = METHOD.edit_with_details(models, styles[:4], prompt)[1]["alpha"]
    assert sum(details["alpha"]) < sum(free) and all(a <= b for a, b in zip(details["alpha"], free, strict=True))
    with pytest.raises(UsageError, match="needs a face recogniser"):
        method(replace(models, identity=None), styles[:1], prompt)


def test_an_image_does_not_depend_on_its_neighbours(models: Models, styles: Latent, red: StyleDirection) -> None:
    together = red(models, styles[:5], PROMPT).data
    torch.testing.assert_close(red(models, styles[3:4], PROMPT).data, together[3:4], atol=1e-4, rtol=1e-4)


def test_beta_leaves_out_small_channels(models: Models, styles: Latent, red: StyleDirection) -> None:
    selected = replace(METHOD, beta=0.3).find(models, PROMPT)
    assert 0 < len(selected.channels) < len(red.channels)
    size = (selected.claims[0].rows / selected.std).abs()
    assert ((size == 0) | (size >= 0.3 * size.amax(dim=1, keepdim=True) - 1e-6)).all()
    without = replace(METHOD, torgb=False).find(models, PROMPT)
    assert not without.directions(models, styles[:1]).data[:, models.generator.layout.torgb_mask()].any()
    with pytest.raises(UsageError, match=r"no style channel reaches beta 1.5; by regression it is a share"):
        replace(METHOD, beta=1.5).find(models, PROMPT)


def test_a_file_keeps_the_states_of_the_claims(
    models: Models, styles: Latent, red: StyleDirection, tmp_path: Path
) -> None:
    read = load_direction(save_direction(red, models, tmp_path / "red.safetensors"), models)
    assert read.alpha == "auto" and read.claims[0].classes.texts == red.claims[0].classes.texts
    assert torch.equal(read(models, styles[:6], PROMPT).data, red(models, styles[:6], PROMPT).data)


def test_a_file_without_its_rows_is_refused(models: Models, red: StyleDirection, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = save_direction(red, models, tmp_path / "red.safetensors")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    del tensors["claims.0.rows"]
    save_file(tensors, path, metadata)
    with pytest.raises(WeightError, match=r"the tensor claims.0.rows is missing; save the direction again"):
        load_direction(path, models)


@pytest.fixture
def ladder_probabilities(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Probabilities that the probe of claim_alpha gives, call by call."""
    values: list[Tensor] = []
    monkeypatch.setattr(claim_alpha._Probe, "probability", lambda self, rows, alpha: values.pop(0))
    return values


def test_auto_goes_beyond_1_only_where_clip_is_not_sure(
    models: Models, styles: Latent, red: StyleDirection, ladder_probabilities: list[Tensor]
) -> None:
    lacking = styles[~red.claims[0].shown(models.clip_features(styles))][:2]
    rising = torch.tensor([[0.97, 0.5], [0.98, 0.8], [0.99, 0.97], [0.99, 0.99]])  # at 1, 1.2, 1.4 and 1.6
    ladder_probabilities += [rising.flatten(), torch.tensor([0.97, 0.9]), torch.tensor([0.97, 0.97])]
    alpha = red.strengths(models, lacking)
    assert alpha.tolist() == pytest.approx([1.0, 1.35])


def test_a_published_strength_is_warned_of(models: Models, styles: Latent, red: StyleDirection) -> None:
    with pytest.warns(StrengthWarning, match="alpha 4 goes far beyond the samples, which 1 reaches"):
        red.at(4.0)(models, styles[:1], PROMPT)
