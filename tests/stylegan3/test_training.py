"""Inversion and every training on a tiny StyleGAN3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

import styleclip
from styleclip.canvases.adaptation.adapt import adapt
from styleclip.canvases.adaptation.generator_canvas import GeneratorCanvas
from styleclip.canvases.adaptation.layers import convolution_names, layers_of_rows
from styleclip.canvases.adaptation.settings import Adaptation
from styleclip.children import load_child
from styleclip.inversion.generator_delta import load_tuning, save_tuning, tunable_weights
from styleclip.inversion.invert import Invert, tune_inversion
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.latents import Latent, Space
from styleclip.methods.mapper import LatentMapper
from styleclip.models import Models
from styleclip.networks.transform import Transform
from styleclip.prompts import Prompt
from styleclip.training.mapper.settings import MapperTraining
from styleclip.weights.load import fingerprint, load_generator
from tests.helpers.encoder_training import FEW as FEW_OF_ENCODER
from tests.helpers.encoder_training import train_few as train_encoder
from tests.helpers.mapper_training import train_few as train_mapper
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

RED = Prompt("a face with red hair", "a face")
FEW = MapperTraining(num_latents=4, held_out=2, batch_size=2, steps=2, evaluate_every=2, lr=1.0)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)


def test_refine_and_tune(alias_free: Models, photo: np.ndarray, tmp_path: Path) -> None:
    how = Invert(Refine(steps=4), align=False)
    [inversion] = how(alias_free, photo)
    average, refined = inversion.stages
    assert refined.scores["l2"] < average.scores["l2"]
    tuned = tune_inversion(inversion, PivotalTuning(steps=3, rank=2))
    assert tuned.scores["l2"] < refined.scores["l2"] and tuned.tuning is not None
    changed = {name.removesuffix(".left") for name in tuned.tuning.factors if not name.endswith(".right")}
    assert changed == tunable_weights(alias_free.generator).keys()
    assert all(tuned.tuning.factors[name].any() for name in tuned.tuning.factors)
    loaded = load_tuning(save_tuning(tuned.tuning, tmp_path / "latent.tuning.safetensors"), alias_free)
    assert torch.equal(loaded.apply(alias_free).render(inversion.latent), tuned.image)


def test_an_encoder(alias_free: Models, photo: np.ndarray, tmp_path: Path) -> None:
    encoder = train_encoder(tmp_path, FEW_OF_ENCODER, models=alias_free)
    assert encoder.config.num_ws == alias_free.generator.num_ws
    models = replace(alias_free, encoder=lambda: encoder)
    [inversion] = Invert(align=False)(models, photo)
    assert [stage.name for stage in inversion.stages] == ["encoder"] and inversion.image.isfinite().all()


@pytest.mark.parametrize(("space", "torgb"), [("w+", False), ("s", False), ("s", True)])
def test_mappers(alias_free: Models, space: Literal["w+", "s"], torgb: bool, tmp_path: Path) -> None:
    training = MapperTraining(**{**vars(FEW), "space": space, "torgb": torgb, "levels": None})
    [trained] = train_mapper(tmp_path, alias_free, training, (RED,))
    latent = styleclip.Editor(alias_free).sample(seed=1)
    file = LatentMapper(tmp_path / "0.safetensors", strength=2.0)
    edited = file(alias_free, latent, RED)
    step = trained.direction(alias_free.generator.to_space(latent, Space(space))).data
    assert torch.allclose(edited.data, alias_free.generator.to_space(latent, Space(space)).data + 2 * step, atol=1e-6)
    moved = step.any(dim=0) if space == "s" else step.any(dim=(0, 2))
    still = ~alias_free.generator.layout.torgb_mask() if space == "s" and not torgb else torch.ones_like(moved)
    assert torch.equal(moved, still)


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("config", ["t", "r"])
def test_adapt(config: Literal["t", "r"], share: float, alias_free: Models, tmp_path: Path) -> None:
    generator = tiny_stylegan3(config, 16, layers=6)
    record = {"name": "parent.safetensors", "sha256": "ab" * 32, "label": None, "network": fingerprint(generator)}
    models = replace(alias_free, generator=generator, provenance={"generator": record})
    settings = Adaptation(steps=1, batch_size=1, choice_batch=1, layer_share=share, lr=0.02, torgb=share == 1)
    child = adapt(models, RED, settings, preview_every=0)
    own, before = child.generator.state_dict(), generator.state_dict()
    changed = {name.split(".")[1] for name in own if not torch.equal(own[name], before[name])}
    assert changed == {entry.name for entry in generator.layout.entries} if share == 1 else 0 < len(changed) <= 8
    path = child.save(tmp_path / "child.safetensors")
    latent = generator.to_space(Latent(Space.Z, torch.randn(1, generator.config.z_dim)), Space.W_PLUS)
    assert torch.equal(load_generator(path)(latent), child.generator(latent))
    assert torch.equal(load_generator(path, amount=0)(latent), generator(latent))
    rows = range(generator.num_ws)
    assert torch.equal(load_generator(path, parent_layers=rows)(latent), generator(latent))
    turned = load_child(path, models.with_transform(Transform(rotate=30)), amount=0.5)
    for drawn in (turned, turned.at_amount(0), turned.parent()):
        assert drawn is not None and drawn.transform == Transform(rotate=30) and drawn.provenance["rotate"] == 30
    half = load_generator(path, amount=0.5)(latent)
    assert not torch.equal(half, generator(latent)) and not torch.equal(half, child.generator(latent))


def test_layers_are_matched_with_the_rows_that_drive_them(alias_free: Models) -> None:
    layout = alias_free.generator.layout
    assert layers_of_rows(layout, "published") == layers_of_rows(layout, "mended") == convolution_names(layout)
    assert convolution_names(layout) == [entry.name for entry in layout.entries[:-1]]


def test_the_canvas_draws_as_its_parent_at_first(alias_free: Models) -> None:
    generator = alias_free.generator
    canvas = GeneratorCanvas(generator, convolution_names(generator.layout), with_constant=True)
    latent = Latent(Space.Z, torch.randn(1, generator.config.z_dim))
    assert torch.allclose(canvas.generator(latent), generator(latent), atol=1e-5)
