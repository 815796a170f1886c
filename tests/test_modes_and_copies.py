"""Work inside `torch.no_grad` and `torch.inference_mode`; results, settings and models that are pickled and copied."""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import styleclip
from styleclip.editor import Editor
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.latents import Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.optimize import Optimize
from styleclip.methods.sliders import Slider
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.networks import resize
from styleclip.photo_editing import PhotoEdit
from styleclip.prompts import Prompt
from styleclip.results import EditResult
from styleclip.runtime.gradients import with_gradients
from styleclip.stylespace.gradient_relevance import gradient_effects
from styleclip.stylespace.statistics import style_statistics
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.train import train_encoder
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.train import train_mappers
from tests.helpers.encoder_training import FEW as ENCODERS
from tests.helpers.files import tensor_content
from tests.helpers.mapper_training import FEW as MAPPERS
from tests.helpers.mappers import PROMPT, random_trained_mapper
from tests.helpers.photos import ASTRONAUT

MODES = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}
OPTIMIZE = Optimize(steps=3, restarts=1)
GRADIENT = GlobalDirection(relevance="gradient", images=2, channels=5)
INVERT = Invert(Refine(steps=2), PivotalTuning(steps=2, rank=2), align=False)


def optimize(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    return [Editor(models).edit(latent, PROMPT, OPTIMIZE).edited.data, OPTIMIZE(models, latent, PROMPT).data]


def global_direction(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    return [Editor(models).edit(latent, PROMPT, GRADIENT).edited.data]


def sliders(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    editor, mapper = Editor(models), LatentMapper(random_trained_mapper(models))
    step = StyleStep.between(models, latent, mapper(models, latent, PROMPT))
    found = Slider(PROMPT, 0.5, relevance="gradient").find(models)
    return [editor.edit_together(latent, [Slider(step, 0.7), Slider(mapper), Slider(found)]).edited.data]


def invert(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    inversion = Editor(models).invert(ASTRONAUT, INVERT)
    assert inversion.tuning is not None
    return [inversion.latent.data, *inversion.tuning.factors.values()]


def relevance(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    styles = models.generator.to_space(latent, Space.S).data
    [effects] = gradient_effects(models, style_statistics(models.generator, 50), styles)
    return [value for value in vars(effects).values() if isinstance(value, Tensor)]


def mapper(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    latent, training = Latent.cat([latent] * 20), replace(MAPPERS, steps=2)
    [trained] = train_mappers(models, [PROMPT], training, [folder / "m.safetensors"], folder / "m", latent)
    return [*trained.network.state_dict().values()]


def encoder(models: Models, latent: Latent, folder: Path) -> list[Tensor]:
    training = replace(ENCODERS, steps=1)
    return [*train_encoder(models, None, training, folder / "e.safetensors", folder / "e").state_dict().values()]


@pytest.fixture(scope="module")
def expected(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], list[Tensor]]:
    """The tensors that work gives in no mode at all."""

    @functools.cache
    def tensors(work: Any) -> list[Tensor]:
        found: list[Tensor] = work(models, Editor(models).sample(3), tmp_path_factory.mktemp("plain"))
        return found

    return tensors


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("work", [optimize, global_direction, sliders, invert, relevance, mapper, encoder])
def test_gradients_are_taken_in_every_mode(
    models: Models, expected: Any, tmp_path: Path, mode: str, work: Callable[..., list[Tensor]]
) -> None:
    """The same numbers as outside of it, in ordinary tensors; the latent is one of the mode."""
    with MODES[mode]():
        latent = Latent(Space.W_PLUS, Editor(models).sample(3).data.clone())
        assert latent.data.is_inference() is (mode == "inference_mode")
        found = work(models, latent, tmp_path)
    assert len(found) == len(expected(work)) > 0
    assert all(torch.equal(one, other) for one, other in zip(found, expected(work), strict=True))
    assert not any(tensor.is_inference() for tensor in found)


def test_what_a_mode_leaves_behind_serves_outside(files: tuple[Path, Path]) -> None:
    """Models that were loaded there, and the caches that rendering fills."""
    for cached in (resize.resize_matrix, resize._square_resize):
        cached.cache_clear()
    with torch.inference_mode():
        models = styleclip.load(str(files[0]), clip=files[1], identity="none")
        latent = Editor(models).sample(3)
        models.clip_features(latent)
        assert not models.render(latent).is_inference() and not latent.data.is_inference()
    Editor(models).edit(latent, PROMPT, OPTIMIZE)


def test_the_mode_of_the_caller_stays() -> None:
    @with_gradients
    def slope(x: Tensor) -> Tensor:
        leaf = x.requires_grad_()
        return torch.autograd.grad(leaf.square().sum(), leaf)[0]

    with torch.inference_mode():
        assert slope(torch.ones(2)).tolist() == [2, 2] and torch.is_inference_mode_enabled()
    with torch.no_grad():
        assert slope(x=torch.ones(2)).tolist() == [2, 2] and not torch.is_grad_enabled()


# --- pickles and deep copies


def twin(value: Any, how: str) -> Any:
    return pickle.loads(pickle.dumps(value)) if how == "pickle" else copy.deepcopy(value)


@pytest.fixture(scope="module")
def edited(models: Models) -> PhotoEdit:
    return Editor(models).edit_photo(ASTRONAUT, PROMPT, LatentMapper(random_trained_mapper(models)), INVERT)


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_results_are_whole_in_another_process(models: Models, edited: PhotoEdit, tmp_path: Path, how: str) -> None:
    again: PhotoEdit = twin(edited, how)
    [face], [ours] = again.faces, edited.faces
    files = [{path.name: path for path in each.save(tmp_path / name)} for each, name in ((again, "a"), (edited, "b"))]
    assert [*files[0]] == [*files[1]] and "latent.tuning.safetensors" in files[0]
    for one, other in zip(files[0].values(), files[1].values(), strict=True):  # safetensors orders metadata at random
        same = tensor_content if one.suffix == ".safetensors" else Path.read_bytes
        assert same(one) == same(other)
    result: EditResult = face.results[""]
    assert result is not ours.results[""] and torch.equal(result.after, ours.results[""].after)
    assert result.record() == ours.results[""].record()
    assert (face.inversion.models is ours.inversion.models) is (how == "deepcopy")
    assert torch.equal(face.source.models.render(face.source.latent), ours.source.models.render(ours.source.latent))


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_settings_latents_and_models(models: Models, how: str) -> None:
    latent = Editor(models).sample(3)
    direction = GRADIENT.select(models, PROMPT, GRADIENT.measure(models, PROMPT))
    settings = [Optimize(), GRADIENT, Refine(), PivotalTuning(), INVERT, MapperTraining(), EncoderTraining()]
    for value in (*settings, Prompt("an old face", "a face"), latent.space):
        assert twin(value, how) == value
    for method in (direction, LatentMapper(random_trained_mapper(models)), OPTIMIZE):
        moved = twin(method, how)(models, latent, PROMPT)
        assert torch.equal(moved.data, method(models, latent, PROMPT).data)
    assert torch.equal(twin(latent, how).data, latent.data)
    loaded = replace(models)
    loaded.render(latent)  # makes the graphs, which are left out
    assert torch.equal(twin(loaded, how).render(latent), models.render(latent))


@pytest.fixture
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
def test_another_default_precision_changes_nothing() -> None:
    """Scientific code sets float64; random numbers in it are other numbers than those of float32."""
    found = []
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        editor = Editor(styleclip.load("demo"))
        inversion = editor.invert(ASTRONAUT, replace(INVERT, tune=None))
        result = editor.edit(editor.sample(seed=3), PROMPT, OPTIMIZE)
        assert torch.get_default_dtype() == dtype
        found.append((inversion.latent.data, result.edited.data))
    for double, single in zip(*found, strict=True):
        assert torch.equal(double, single)
