"""Directions in W, W+ and S: arithmetic across W and W+, the step in S, absolute ones, and other generators."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from styleclip.editor import Editor
from styleclip.errors import SpaceError, UsageError, WeightError
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection, format_layers
from styleclip.methods.sliders import Slider
from styleclip.models import Models


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def smile(models: Models) -> LatentDirection:
    return LatentDirection(Space.W, random(1, models.generator.config.w_dim), "smile")


def test_w_meets_w_plus(models: Models, smile: LatentDirection) -> None:
    num_ws, w_dim = models.generator.num_ws, models.generator.config.w_dim
    source, rows = Editor(models).sample(seeds=[1, 2]), Direction(Space.W_PLUS, random(1, num_ws, w_dim, seed=1))
    edited = source + 2 * smile
    assert edited.space is Space.W_PLUS
    assert torch.equal(edited.data, source.data + 2 * smile.data[:, None])
    in_w = Latent(Space.W, random(3, w_dim, seed=2))
    assert torch.equal((in_w + rows).data, in_w.data[:, None] + rows.data)
    assert (in_w + smile).space is Space.W
    both = smile + rows * 0.5
    assert torch.allclose((source + both).data, ((source + smile) + 0.5 * rows).data)
    assert torch.equal((source + -smile).data, source.data - smile.data[:, None])
    with pytest.raises(SpaceError, match="expected a value in s, got one in w"):
        models.generator.to_space(source, Space.S) + smile
    with pytest.raises(TypeError):
        source + 2.0  # type: ignore[operator]


def test_the_step_in_s_is_the_same_for_every_face(models: Models, smile: LatentDirection) -> None:
    generator, editor = models.generator, Editor(models)
    source = editor.sample(seeds=[1, 2])
    expected = generator.to_space(source + 1.5 * smile, Space.S)
    found = generator.to_space(source, Space.S) + 1.5 * smile.step(models)
    torch.testing.assert_close(found.data, expected.data)
    edited = editor.edit_together(source, [Slider(smile, 1.5)])
    torch.testing.assert_close(edited.edited.data, expected.data)
    [told] = edited.settings["sliders"]
    assert (told["name"], told["space"], told["strength"], told["absolute"]) == ("smile", "w", 1.5, False)
    in_s = editor.edit_together(generator.to_space(source, Space.S), [Slider(smile, 1.5)])
    torch.testing.assert_close(in_s.edited.data, expected.data)


def test_layers_move_and_no_others(models: Models, smile: LatentDirection) -> None:
    num_ws = models.generator.num_ws
    coarse = smile.with_layers([0, 1], num_ws)
    assert (coarse.space, coarse.layers) == (Space.W_PLUS, "0-1")
    source = Editor(models).sample(seed=1)
    moved = (source + coarse).data != source.data
    assert moved[:, :2].all() and not moved[:, 2:].any()
    assert torch.equal(coarse.with_layers([1], num_ws).data[:, 1], smile.data)
    for layers in ([], [num_ws], [-1]):
        with pytest.raises(UsageError, match=f"are not among 0-{num_ws - 1}"):
            smile.with_layers(layers, num_ws)
    assert format_layers([5, 0, 1, 2, 2, 7, 8]) == "0-2,5,7-8"


def test_an_absolute_direction_moves_every_row_to_the_coordinate(models: Models, smile: LatentDirection) -> None:
    center = random(smile.data.shape[1], seed=5)
    absolute = replace(smile, center=center)
    editor = Editor(models)
    source = editor.sample(seeds=[1, 2])
    step = smile.data[0]
    coordinate = ((source.data - center) @ step / step.square().sum())[..., None]
    expected = Latent(Space.W_PLUS, source.data + (2.0 - coordinate) * step)
    edited = editor.edit_together(source, [Slider(absolute, 2.0)])
    torch.testing.assert_close(edited.edited.data, models.generator.to_space(expected, Space.S).data)
    again = editor.edit_together(expected, [Slider(absolute, 2.0)])
    torch.testing.assert_close(again.edited.data, edited.edited.data)
    at_zero = editor.edit_together(source, [Slider(absolute, 0.0)])
    assert not torch.equal(at_zero.before, at_zero.after)
    with pytest.raises(SpaceError, match="smile is absolute and needs the w of a face"):
        editor.edit_together(models.generator.to_space(source, Space.S), [Slider(absolute)])


def test_sliders_of_all_kinds_add_up_in_any_order(models: Models, smile: LatentDirection) -> None:
    rows = LatentDirection(Space.W_PLUS, random(1, models.generator.num_ws, smile.data.shape[1], seed=7), "rows")
    styles = LatentDirection(Space.S, random(1, models.generator.layout.size, seed=8), "styles")
    absolute = replace(rows, name="absolute", center=random(smile.data.shape[1], seed=9))
    sliders = [Slider(smile, 0.3), Slider(rows, -0.2), Slider(styles, 0.1), Slider(absolute, 0.4)]
    editor = Editor(models)
    pictures = [editor.edit_together(editor.sample(seed=4), order).after for order in itertools.permutations(sliders)]
    assert all(torch.equal(pictures[0], picture) for picture in pictures)


def test_other_generators_and_spaces_are_refused(models: Models, smile: LatentDirection) -> None:
    fingerprint = models.generator_fingerprint
    replace(smile, generator=fingerprint).check_fits(models)
    with pytest.raises(WeightError, match="smile was made for another generator; pass that one with --model"):
        replace(smile, generator="another").step(models)
    short = replace(smile, data=smile.data[:, 1:])
    with pytest.raises(WeightError, match=r"smile has shape \[1, \d+\] in w, and this generator \[1, \d+\]"):
        short.step(models)
    with pytest.raises(SpaceError, match="a direction in z moves no photo"):
        LatentDirection(Space.Z, smile.data)
    with pytest.raises(SpaceError, match="one row, not 2"):
        LatentDirection(Space.W, smile.data.repeat(2, 1))
    with pytest.raises(UsageError, match="it must be a finite number"):
        smile.at(float("nan"))
