"""Pictures of a StyleGAN3 that are moved and turned: where they lie, and what stays the same."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.evaluate.held_out.unedited import see_unedited
from styleclip.inversion.invert import Invert
from styleclip.inversion.refine import Refine
from styleclip.latents import Latent
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.networks.transform import MAX_SHIFT, Transform
from styleclip.photo_editing import MOVED, FaceEdit, PhotoEdit
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import tiny_models
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

PROMPT = "a face with red hair"


@pytest.fixture(scope="module")
def latent(alias_free: Models) -> Latent:
    return Editor(alias_free).sample(seeds=[1, 2])


def test_the_picture_moves_to_the_right_and_down(alias_free: Models, latent: Latent) -> None:
    """By whole pixels, so that the pixels that stay in the picture are the same."""
    side = alias_free.generator.resolution
    moved = alias_free.with_transform(Transform((3 / side, 2 / side))).render(latent)
    before = alias_free.render(latent)
    torch.testing.assert_close(moved[..., 4:-2, 5:-2], before[..., 2:-4, 2:-5], atol=1e-4, rtol=0)
    assert (moved - before).abs().max() > 0.05


def test_the_picture_turns_counter_clockwise(alias_free: Models) -> None:
    """A quarter turn of config R, whose layers do not prefer a direction."""
    models = replace(alias_free, generator=tiny_stylegan3("r", 16, layers=6))
    latent = Editor(models).sample(seed=1)
    before, turned = models.render(latent), models.with_transform(Transform(rotate=90)).render(latent)
    inner = (..., slice(3, -3), slice(3, -3))
    torch.testing.assert_close(turned[inner], torch.rot90(before, 1, (2, 3))[inner], atol=1e-4, rtol=0)
    assert (turned - before).abs().max() > 0.01


def test_a_turned_picture_moves_along_the_sides_of_the_frame(alias_free: Models, latent: Latent) -> None:
    side = alias_free.generator.resolution
    turned, both = (
        alias_free.with_transform(Transform(shift, 40)).render(latent) for shift in ((0.0, 0.0), (4 / side, 0.0))
    )
    torch.testing.assert_close(both[..., 6:-2], turned[..., 2:-6], atol=1e-4, rtol=0)


def test_only_pictures_move(alias_free: Models) -> None:
    moved, still = (alias_free.with_transform(each) for each in (Transform((0.2, 0.1), 15), None))
    assert still is alias_free and moved.generator is alias_free.generator
    assert moved.drawing_generator.mapping is alias_free.generator.mapping
    assert dict(moved.provenance) == {**alias_free.provenance, "translate": [0.2, 0.1], "rotate": 15}
    assert moved.with_transform(None).provenance == alias_free.provenance
    twin, own = (dict(each.named_parameters()) for each in (moved.drawing_generator, moved.generator))
    assert twin.keys() == own.keys() and all(twin[name] is own[name] for name in own)
    results = [
        Editor(models).edit(Editor(models).sample(seed=1), PROMPT, Optimize(steps=2)) for models in (moved, still)
    ]
    assert torch.equal(results[0].edited.data, results[1].edited.data)
    assert not torch.equal(results[0].after, results[1].after)
    assert torch.equal(*(each.clip_features(results[0].edited) for each in (moved, still)))
    assert results[0].provenance["rotate"] == 15 and "rotate" not in results[1].provenance


def test_copies_draw_the_same(alias_free: Models, latent: Latent) -> None:
    moved = replace(alias_free, transform=Transform(rotate=20))
    picture = moved.render(latent)
    for other in (copy.copy(moved), copy.deepcopy(moved), replace(moved, memo={})):
        assert torch.equal(other.render(latent), picture)


def test_photos_are_inverted_where_the_generator_draws(alias_free: Models) -> None:
    photo = torch.rand(48, 48, 3, generator=torch.Generator().manual_seed(0)).mul(255).byte().numpy()
    how = Invert(Refine(steps=2), align=False)
    moved, still = ([*how(models, photo)][0] for models in (alias_free.with_transform(Transform(rotate=9)), alias_free))
    assert torch.equal(moved.latent.data, still.latent.data) and torch.equal(moved.image, still.image)
    assert moved.scores == still.scores and "rotate" not in moved.provenance
    assert moved.models.transform == Transform(rotate=9)
    quad = np.array([[4, 4], [4, 40], [40, 40], [40, 4]], np.float64)
    edits = []
    for inversion in (moved, still):
        cropped = replace(inversion, aligned=replace(inversion.aligned, quad=quad))
        result = Editor(inversion.models).edit_together(inversion.latent, [])
        edits.append(PhotoEdit(cropped.aligned.photo, [FaceEdit("", cropped, {"": result})]))
    assert [len(edit.paste()) for edit in edits] == [0, 1]
    assert MOVED in edits[0].notes and MOVED not in edits[1].notes


def test_the_samples_of_an_evaluation_are_moved_as_its_edits(alias_free: Models) -> None:
    """What lies outside of the region of a prompt is found in samples, so both have one frame."""
    moved = alias_free.with_transform(Transform((0.25, 0), 40))
    seen = see_unedited(moved, moved.clip, 2)
    drawn = moved.render(seen.latent(moved))
    torch.testing.assert_close(seen.pictures, drawn.float().clamp(-1, 1), atol=1e-4, rtol=0)
    assert not torch.allclose(seen.pictures, see_unedited(alias_free, moved.clip, 2).pictures, atol=1e-3)


def test_a_stylegan2_does_not_move() -> None:
    with pytest.raises(UsageError, match="this generator is none") as caught:
        tiny_models().with_transform(Transform(rotate=5))
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("translate", "rotate"),
    [((math.nan, 0), 0), ((0, 0), math.inf), ((2 * MAX_SHIFT, 0), 0), ((0,), 0), ((1, 2, 3), 0)],
)
def test_values_without_sense(translate: tuple[float, float], rotate: float) -> None:
    with pytest.raises(UsageError) as caught:
        Transform(translate, rotate)
    assert is_one_sentence(caught.value)
