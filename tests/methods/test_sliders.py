"""Sliders: steps found for the source that add up in any order, and the source itself at strength 0."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import torch

from styleclip.editor import Editor
from styleclip.errors import NumericError, SpaceError, UsageError
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.sliders import Slider, add_steps, auto_strength, step_in_s
from styleclip.methods.style_direction import StrengthWarning, StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.runtime.image_by_image import image_by_image
from tests.helpers.mappers import random_trained_mapper
from tests.helpers.tiny import tiny_models

RED = Prompt("a face with red hair", "a face")
OLD = Prompt("an old face", "a face")


@pytest.fixture(scope="module")
def demo(demo: Models) -> Editor:
    return Editor(demo)


@pytest.fixture(scope="module")
def faces(demo: Editor) -> Latent:
    return demo.sample(seeds=[3, 8])


@pytest.fixture(scope="module")
def red(demo: Editor) -> StyleDirection:
    """By regression."""
    found = Slider(Prompt("a face with red hair")).find(demo.models)
    assert isinstance(found, StyleDirection)
    return found


@pytest.fixture(scope="module")
def glasses(demo: Editor) -> StyleDirection:
    """By the table."""
    found = Slider(Prompt("a face with glasses"), relevance="table").find(demo.models)
    assert isinstance(found, StyleDirection)
    return found


def test_the_order_of_steps_does_not_matter() -> None:
    torch.manual_seed(0)
    source = Latent(Space.S, torch.randn(3, 500))
    steps = [(s, Direction(Space.S, torch.randn(1, 500) * 10.0**i)) for i, s in enumerate((0.3, -1.7, 1e-3, 2.2))]
    sums = [add_steps(source, order).data for order in permutations(steps)]
    assert all(torch.equal(sums[0], each) for each in sums)
    exact = source.data.double() + sum(strength * step.data.double() for strength, step in steps)
    torch.testing.assert_close(sums[0], exact.float(), rtol=1e-7, atol=0)


def test_what_does_not_move_keeps_its_bits() -> None:
    source = Latent(Space.S, torch.tensor([[-0.0, 1.0, 1e-30]]))
    step = Direction(Space.S, torch.tensor([[1.0, 2.0, 0.0]]))
    assert add_steps(source, []) is source and add_steps(source, [(0.0, step), (-0.0, step)]) is source
    cancelled = add_steps(source, [(0.7, step), (-0.7, step)])
    assert torch.equal(cancelled.data.view(torch.int32), source.data.view(torch.int32))
    with pytest.raises(SpaceError, match="expected a value in w, got one in s"):
        add_steps(source, [(1.0, Direction(Space.W, step.data))])


def test_sliders_add_up_and_render_the_source_at_strength_0(
    demo: Editor, faces: Latent, red: StyleDirection, glasses: StyleDirection
) -> None:
    off = demo.edit_together(faces, [Slider(red, 0.0), Slider(glasses, 0.0)])
    assert torch.equal(off.after, off.before) and torch.equal(demo.edit_together(faces, []).after, off.before)
    sliders = [Slider(red, 0.8), Slider(glasses, 2.5)]
    result, other = demo.edit_together(faces, sliders), demo.edit_together(faces, sliders[::-1])
    assert torch.equal(result.after, other.after) and not torch.equal(result.after, result.before)
    with image_by_image():
        in_s = demo.models.generator.to_space(faces, Space.S)
        steps = [step_in_s(demo.models, found, faces) for found in (red, glasses)]
    exact = in_s.data.double() + 0.8 * steps[0].data.double() + 2.5 * steps[1].data.double()
    torch.testing.assert_close(result.edited.data, exact.float(), rtol=1e-7, atol=1e-7)
    one = demo.edit(faces, red.prompt, red.at(0.8)).edited
    torch.testing.assert_close(demo.edit_together(faces, sliders[:1]).edited.data, one.data, rtol=1e-6, atol=1e-6)


def test_a_result_by_sliders_tells_everything(
    demo: Editor, faces: Latent, red: StyleDirection, glasses: StyleDirection
) -> None:
    result = demo.edit_together(faces, [Slider(red, 0.8), Slider(glasses, -1.5)], about={"source": "seeds"})
    assert (result.method, result.prompt) == ("sliders", "a face with red hair + a face with glasses")
    record = result.record()
    first, second = record["settings"]["sliders"]
    assert (first["target"], first["strength"], first["relevance"]) == ("a face with red hair", 0.8, "regression")
    assert (second["strength"], second["relevance"], second["beta"]) == (-1.5, "table", "auto")
    details = record["provenance"]["directions"]
    assert [each["alpha"] for each in details] == [[0.8, 0.8], [-1.5, -1.5]] and len(details[0]["shown"]) == 2
    assert set(result.scores[0]) == {"clip_before", "clip_after", "identity"} and len(result.scores) == 2
    assert result.provenance["source"] == "seeds" and result.explanation() and not result.interrupted
    apart = [demo.edit_together(faces, [slider]).scores[0]["clip_before"] for slider in (Slider(red), Slider(glasses))]
    assert result.scores[0]["clip_before"] == pytest.approx(sum(apart) / 2, abs=1e-4)


def test_known_features_give_the_same_step(demo: Editor, faces: Latent, red: StyleDirection) -> None:
    features = demo.models.clip_features(faces)
    assert torch.equal(step_in_s(demo.models, red, faces, features).data, step_in_s(demo.models, red, faces).data)


def test_what_each_face_needs(demo: Editor, faces: Latent, red: StyleDirection) -> None:
    auto = auto_strength(demo.models, red, faces)
    _, details = red.at("auto").edit_with_details(demo.models, faces, red.prompt)
    assert auto.tolist() == pytest.approx(details["alpha"], abs=1e-6)
    edited = demo.edit_together(faces, [Slider(red, 1.5)]).edited
    assert auto_strength(demo.models, red, edited).tolist() == [0.0, 0.0]  # shown already


@pytest.mark.parametrize("kind", ["levels", "style"])
def test_the_step_of_a_mapper(kind: str) -> None:
    models = tiny_models()
    editor = Editor(models)
    source = editor.sample(seeds=[1, 2])
    mapper = LatentMapper(random_trained_mapper(models, kind), strength=0.5)
    expected = models.generator.to_space(mapper(models, source, RED), Space.S)
    result = editor.edit_together(source, [Slider(mapper)])
    torch.testing.assert_close(result.edited.data, expected.data, rtol=1e-5, atol=1e-6)
    half = editor.edit_together(source, [Slider(mapper, 0.5)]).edited - models.generator.to_space(source, Space.S)
    torch.testing.assert_close(2 * half.data, step_in_s(models, mapper, source).data, rtol=1e-5, atol=1e-5)
    assert auto_strength(models, mapper, source).tolist() == [1.0, 1.0]
    assert result.prompt == "a face with red hair" and result.settings["sliders"][0]["mapper_strength"] == 0.5


def test_a_mapper_in_w_plus_cannot_move_a_source_in_s() -> None:
    models = tiny_models()
    source = models.generator.to_space(Editor(models).sample(), Space.S)
    with pytest.raises(SpaceError, match="a mapper in w\\+ cannot move a source in s, .* leave the mapper out"):
        step_in_s(models, LatentMapper(random_trained_mapper(models)), source)
    assert len(step_in_s(models, LatentMapper(random_trained_mapper(models, "style")), source)) == 1


def test_a_step_without_a_text_has_no_score_of_clip() -> None:
    editor = Editor(tiny_models())
    latents = editor.sample(seeds=[0, 1, 2])
    step = StyleStep.between(editor.models, latents[0], latents[1])
    result = editor.edit_together(latents, [Slider(step)])
    assert set(result.scores[0]) == {"identity"} and (result.prompt, result.neutral) == ("a step", None)
    wanted = editor.models.generator.to_space(latents[1], Space.S)
    torch.testing.assert_close(result.edited[0].data, wanted.data)


def test_a_step_of_several_faces_is_for_as_many() -> None:
    editor = Editor(tiny_models())
    latents = editor.sample(seeds=[0, 1, 2])
    step = StyleStep.between(editor.models, latents[:2], latents[1:])
    assert len(step_in_s(editor.models, step, latents[:2])) == 2
    with pytest.raises(UsageError, match="the step is of 2 faces and the source has 3; pass that of one"):
        step_in_s(editor.models, step, latents)
    with pytest.raises(UsageError, match="1 latents and 3 are no pairs"):
        StyleStep.between(editor.models, latents[0], latents)
    with pytest.raises(SpaceError, match="this step has 5 style channels, the generator has .*; find it for this one"):
        step_in_s(editor.models, replace(step, data=torch.ones(1, 5)), latents)


@pytest.mark.parametrize(
    ("slider", "message"),
    [
        ({"source": RED, "strength": math.nan}, "strength is nan; it must be a finite number"),
        ({"source": "red hair"}, "not str; write a text as Prompt"),
        ({"source": RED, "beta": -0.1}, "beta is -0.1; it must be 0 or more"),
        ({"source": LatentMapper("x"), "beta": 0.1}, "beta and relevance are for the direction of a prompt"),
        ({"source": RED, "relevance": "none"}, "relevance is 'none'"),
    ],
)
def test_sliders_that_make_no_sense(slider: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Slider(**slider)


def test_far_too_strong(demo: Editor, faces: Latent, red: StyleDirection) -> None:
    with pytest.warns(StrengthWarning, match="alpha 3 goes far beyond"):
        demo.edit_together(faces[0], [Slider(red, 3.0)])
    step = StyleStep(torch.ones(1, demo.models.generator.layout.size))
    with pytest.raises(NumericError, match="lower the strength"):
        demo.edit_together(faces[0], [Slider(step, 1e39)])


def test_ctrl_c_keeps_the_sliders_found_by_then(demo: Editor, faces: Latent, glasses: StyleDirection) -> None:
    class Stop:
        def __init__(self, at: int) -> None:
            self.at, self.count = at, 0

        def __call__(self, step: Step) -> None:
            self.count += 1
            if self.count == self.at:
                raise KeyboardInterrupt

    sliders = [Slider(glasses, 2.0), Slider(replace(glasses, prompt=RED), 1.0)]
    result = demo.edit_together(faces[0], sliders, Stop(2))
    assert result.interrupted and result.prompt == "a face with glasses"
    assert torch.equal(result.edited.data, demo.edit_together(faces[0], sliders[:1]).edited.data)
    with pytest.raises(KeyboardInterrupt):
        demo.edit_together(faces[0], sliders, Stop(1))
