"""Zero-shot classes of a claim: which alternatives count, and what an image shows of them."""

import pytest
import torch
import torch.nn.functional as F

from styleclip.claims import Claim
from styleclip.prompt_words import PromptWarning, UnknownWordsError
from styleclip.prompts import Prompt, encode
from styleclip.samples import Samples
from styleclip.stylespace.claim_classes import (
    ClaimClasses,
    claim_classes,
    classes_from_record,
    classes_record,
    describe_classes,
    known_claims,
    sample_labels,
)
from tests.helpers.tiny import tiny_clip, tiny_models

AXES = torch.eye(10)
CLASSES = ClaimClasses(Claim("red", "hair", ("red",), ("old", "grey")), ("red", "old", "grey"), AXES[:3], scale=50.0)


def pictures_of(text: str, count: int, spread: float, seed: int) -> torch.Tensor:
    """Unit features around that of a text of the tiny CLIP."""
    noise = torch.randn(count, 10, generator=torch.Generator().manual_seed(seed))
    return F.normalize(encode(tiny_clip(), [text]) + spread * noise, dim=1)


def test_the_probability_of_alternatives_goes_to_the_target() -> None:
    moves = CLASSES.moves(AXES[:3])
    torch.testing.assert_close(moves.sum(dim=1), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(moves[0], torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(moves[1], torch.tensor([1.0, -1.0, 0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(CLASSES.shows(AXES[:3]), torch.tensor([1.0, 0, 0]), atol=1e-6, rtol=0)


def test_neutrals_compare_the_alternatives_alone() -> None:
    torch.testing.assert_close(CLASSES.neutrals(AXES[1:3]), torch.eye(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(CLASSES.neutrals(AXES[:1]), torch.full((1, 2), 0.5), atol=1e-6, rtol=0)


def test_several_targets_share_by_what_the_image_shows() -> None:
    claim = Claim("dark", "hair", ("black", "brown"), ("red",))
    classes = ClaimClasses(claim, ("black", "brown", "red"), AXES[:3], scale=5.0, targets=2)
    nearer = F.normalize(AXES[2] + 0.8 * AXES[0] + 0.1 * AXES[1], dim=0)[None]
    [black, brown, red] = classes.moves(nearer)[0].tolist()
    assert black > brown > 0 > red and black + brown + red == pytest.approx(0, abs=1e-6)


def test_an_alternative_that_no_sample_is_certain_of_is_left_out() -> None:
    """Images of "red" and "old" alone: of a third text CLIP is never sure."""
    features = torch.cat([pictures_of("red hair", 200, 0.01, 1), pictures_of("an old face", 200, 0.01, 2)])
    prompt = Prompt("red hair", ("an old face", "a face with hair"))
    models = tiny_models()
    models.clip.model.logit_scale.data.fill_(4.6)
    [classes] = claim_classes(models, prompt, Samples(features), "prompt")
    assert classes.texts == ("red hair", "an old face")
    kept = torch.cat([features, pictures_of("a face with hair", 200, 0.01, 3)])
    [classes] = claim_classes(models, prompt, Samples(kept), "prompt")
    assert len(classes.texts) == 3


def test_without_alternatives_the_best_tenth_is_told_from_the_lower_half() -> None:
    features = F.normalize(torch.randn(1000, 10, generator=torch.Generator().manual_seed(0)), dim=1)
    samples, models = Samples(features), tiny_models()
    [classes] = claim_classes(models, Prompt("a red face"), samples, "prompt")
    labels = sample_labels(classes, samples)
    assert [(labels[:, i] > 0).float().mean().item() for i in range(2)] == pytest.approx([0.1, 0.5], abs=0.002)
    torch.testing.assert_close(labels.sum(dim=0), torch.ones(2))
    score = features @ classes.features[0]
    assert score[labels[:, 0] > 0].min() >= score[labels[:, 1] > 0].max()
    shown = classes.shows(features)
    assert shown.min() == 0 and shown.max() == 1 and (shown == 1).float().mean() == pytest.approx(0.1, abs=0.002)


def test_a_forced_claim_in_unknown_words_is_left_out_where_others_are_known() -> None:
    models = tiny_models()
    with pytest.raises(UnknownWordsError, match="does not know 'zebra'"):
        known_claims(Prompt("a zebra face with red hair"), models)
    with pytest.warns(PromptWarning, match="does not know 'zebra'"):
        claims = known_claims(Prompt("a zebra face with red hair", force=True), models)
    assert [claim.attribute for claim in claims] == ["hair colour"]
    with pytest.warns(PromptWarning, match="does not know 'zebra'"):
        assert len(known_claims(Prompt("a zebra", force=True), models)) == 1


def test_words_that_the_table_replaces_are_not_unknown() -> None:
    [claim] = known_claims(Prompt("a ginger person"), tiny_models())
    assert claim.targets == ("a face with red hair",)


def test_what_is_no_portrait_is_one_claim() -> None:
    cats = tiny_models(defaults={"align": {"faces": False}})
    [claim] = known_claims(Prompt("a face with red hair with a face"), cats)
    assert claim.targets == ("a face with red hair with a face",) and not claim.alternatives
    [given] = known_claims(Prompt("red hair", "hair"), cats)
    assert given.alternatives == ("hair",)


def test_classes_survive_a_record() -> None:
    for classes in (CLASSES, ClaimClasses(Claim("a", None, ("a",)), ("a", "b"), AXES[:2], 20.0, edges=(0.1, 0.4))):
        found = classes_from_record(classes_record(classes), classes.features)
        assert found == classes


def test_the_record_names_what_was_used() -> None:
    [record] = describe_classes([CLASSES])
    assert record["targets"] == ("red",) and record["alternatives"] == ("old", "grey")
    assert record["understood"] == "'red' (hair): to 'red', from 'old' or 'grey'"


def test_what_hides_two_attributes_goes_once() -> None:
    models = tiny_models()
    models.clip.vocabulary = None
    colour, texture = known_claims(Prompt("black curly hair"), models)
    assert "a bald face" in colour.alternatives and texture.alternatives == ("a face with straight hair",)
