"""Every editor of latents on a tiny StyleGAN3: gradients flow, latents save and load, direction files work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from styleclip.directions.ganspace import ganspace
from styleclip.directions.importing import import_directions
from styleclip.directions.interfacegan import interfacegan
from styleclip.directions.loading import load_direction, save_direction
from styleclip.directions.sefa import sefa
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.latents import Latent, Space, save_latent
from styleclip.losses import clip_loss, loss_resolution_px
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.optimize import Optimize
from styleclip.methods.sliders import Slider
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.preview import draw_whole_picture, preview_resolutions
from styleclip.prompts import Prompt
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.regression import fit_all
from styleclip.stylespace.samples import sample_w, see_samples
from styleclip.stylespace.table_preparation import Preparation
from styleclip.weights.latent_files import load_latents

RED = Prompt("a face with red hair", "a face")
SEEN = 1000  # samples of a regression
SPACES = pytest.mark.parametrize("space", list(Space), ids=lambda space: space.value)


@pytest.fixture(scope="module")
def latent(alias_free: Models) -> Latent:
    return Editor(alias_free).sample(seeds=[3, 4])


@SPACES
def test_every_part_of_a_latent_has_a_gradient(alias_free: Models, space: Space) -> None:
    generator = alias_free.generator
    z = Latent(Space.Z, torch.randn(2, generator.config.z_dim, generator=torch.Generator().manual_seed(0)))
    data = generator.to_space(z, space).data.clone().requires_grad_(True)
    text = alias_free.clip.encode_text([RED.target])
    clip_loss(alias_free.clip, generator(Latent(space, data)), text).sum().backward()
    assert data.grad is not None and data.grad.isfinite().all()
    parts = [data.grad[:, entry.span] for entry in generator.layout.entries] if space is Space.S else [data.grad]
    if space is Space.W_PLUS:
        parts = list(data.grad.unbind(1))
    assert all(part[row].any() for part in parts for row in range(2))


@SPACES
def test_latents_save_and_load(alias_free: Models, space: Space, tmp_path: Path) -> None:
    generator = alias_free.generator
    z = Latent(Space.Z, torch.randn(3, generator.config.z_dim))
    latent = generator.to_space(z, space)
    save_latent(latent, tmp_path / "latent.safetensors")
    found = load_latents(tmp_path / "latent.safetensors", generator)
    assert found.space is space and torch.equal(found.data, latent.data)
    np.save(tmp_path / "table.npy", latent.data.numpy())
    assert torch.equal(load_latents(tmp_path / "table.npy", generator, space).data, latent.data)
    assert torch.allclose(generator(found), generator(z), atol=1e-4)


@pytest.mark.parametrize("space", ["w+", "s"])
def test_optimize(alias_free: Models, latent: Latent, space: Literal["w+", "s"]) -> None:
    method = Optimize(steps=3, space=space, lr=0.01)
    result = Editor(alias_free).edit(latent, RED, method)
    before = alias_free.generator.to_space(latent, result.edited.space)
    assert not torch.equal(result.edited.data, before.data) and not torch.equal(result.after, result.before)
    assert result.scores[0]["clip_after"] > result.scores[0]["clip_before"]


def test_a_picture_has_one_size(alias_free: Models) -> None:
    generator, side = alias_free.generator, alias_free.generator.resolution
    assert loss_resolution_px(generator, alias_free.clip, "auto") == side
    with pytest.raises(UsageError, match="draws"):
        loss_resolution_px(generator, alias_free.clip, side // 2)
    assert preview_resolutions(generator) == [] and max_batch(generator, RENDER) >= 1


def test_the_whole_picture_has_the_bits_of_render(alias_free: Models, latent: Latent) -> None:
    drawn = list[int]()
    picture = draw_whole_picture(alias_free, latent[0], drawn.append).picture
    assert torch.equal(picture, alias_free.render(latent[0])) and drawn


@pytest.mark.parametrize("method", ["exact", "official", "gradient"])
def test_tables_and_the_directions_from_them(
    alias_free: Models, latent: Latent, method: Literal["exact", "official", "gradient"], tmp_path: Path
) -> None:
    table = prepare(alias_free, Preparation(method, images=1, samples=20), tmp_path / "table.safetensors")
    layout = alias_free.generator.layout
    assert table.delta_i.shape[0] == layout.size
    assert table.delta_i[:4].any() and bool(table.delta_i[layout.torgb_mask()].any()) == (method != "official")
    models = replace(alias_free, relevance=lambda: table)
    found = GlobalDirection(relevance="table", beta=0.1, alpha=2.0).find(models, RED)
    path = save_direction(found, models, tmp_path / "direction.safetensors")
    loaded = load_direction(path, models)
    for direction in (found, loaded):
        result = Editor(models).edit_together(latent, [Slider(direction, 1.0)])
        assert not torch.equal(result.after, result.before)
    assert torch.equal(loaded.direction.data, found.direction.data)


def test_directions_by_regression(alias_free: Models, latent: Latent) -> None:
    """The features of samples are random, as a thousand pictures take seconds; those of the first are compared."""
    seen = see_samples(alias_free, 3)
    features = torch.randn(SEEN, seen.features.shape[1], generator=torch.Generator().manual_seed(0))
    samples = fit_all(alias_free.generator, replace(seen, features=F.normalize(features, dim=1)))
    assert set(samples.fits) == {Space.W, Space.S}
    w = sample_w(alias_free.generator, seen)
    assert torch.allclose(alias_free.clip_features(Latent(Space.W, w)), seen.features, atol=1e-5)
    models = replace(alias_free, samples=lambda: samples, memo={})
    result = Editor(models).edit(latent, RED, GlobalDirection(relevance="regression", alpha=1.0))
    assert result.edited.space is Space.S and not torch.equal(result.after, result.before)
    step = StyleStep.between(models, result.source, result.edited)
    again = Editor(models).edit_together(latent, [Slider(step, 1.0)])
    assert torch.allclose(again.after, result.after, atol=1e-4)


def test_directions_of_weights_and_samples(alias_free: Models, latent: Latent, tmp_path: Path) -> None:
    rows = alias_free.generator.num_ws
    whole, some = sefa(alias_free, count=3), sefa(alias_free, layers=[0, rows - 1], count=2)
    components = ganspace(alias_free, count=2, samples=200)
    z = torch.randn(50, alias_free.generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    w = alias_free.generator.to_space(Latent(Space.Z, z), Space.W)
    for i, direction in enumerate((*whole, *some, *components, interfacegan(alias_free, w, w.data[:, 0]))):
        path = save_direction(direction, alias_free, tmp_path / f"{i}.safetensors")
        loaded = load_direction(path, alias_free)
        result = Editor(alias_free).edit_together(latent, [Slider(loaded, 2.0)])
        assert not torch.equal(result.after, result.before)


@pytest.mark.parametrize("space", ["w", "w+", "s"])
def test_tables_of_others_are_imported(alias_free: Models, space: str, tmp_path: Path) -> None:
    generator = alias_free.generator
    shapes = {"w": (1, generator.config.w_dim), "w+": (generator.num_ws, generator.config.w_dim)}
    table = np.random.default_rng(0).normal(size=shapes.get(space, (1, generator.layout.size)))
    np.save(tmp_path / "smile.npy", table.astype(np.float32))
    [direction] = import_directions(tmp_path / "smile.npy", alias_free, space=space)
    assert direction.space.value == space
    assert torch.equal(direction.data.flatten(), torch.from_numpy(table).float().flatten())
