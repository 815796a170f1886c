"""Latents, styles, statistics, relevance and directions of stylegan3-editing, for a small StyleGAN3."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.weights.direction_readings import read_steps
from styleclip.weights.formats.direction_tables import find_directions
from styleclip.weights.formats.registry import read_one
from styleclip.weights.latent_files import load_latents
from styleclip.weights.provenance import probe
from styleclip.weights.relevance_files import load_relevance, load_statistics
from styleclip.weights.safe_pickle.containers import open_content
from tests.helpers.tiny import tiny_clip
from tests.helpers.tiny_stylegan3 import tiny_stylegan3


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_stylegan3()


@pytest.fixture(scope="module")
def latent(generator: Generator) -> Latent:
    """Three codes of W+."""
    z = torch.randn(3 * generator.num_ws, generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    return Latent(Space.W_PLUS, generator.map(z).reshape(3, generator.num_ws, -1))


def published(generator: Generator, styles: Tensor) -> dict[str, np.ndarray[Any, Any]]:
    """S as stylegan3-editing writes it: by layer, the input's rotation of length one, toRGB with its gain."""
    layers = generator.layout.split(styles)
    torgb = generator.layout.entries[-1]
    layers["input"] = layers["input"] / layers["input"][:, :2].norm(dim=1, keepdim=True)
    layers[torgb.name] = layers[torgb.name] / math.sqrt(torgb.channels)
    return {name: layer.numpy() for name, layer in layers.items()}


def save_pickle(value: Any, path: Path) -> Path:
    path.write_bytes(pickle.dumps(value))
    return path


def test_codes_of_every_step(tmp_path: Path, generator: Generator, latent: Latent) -> None:
    steps = {f"{i}.jpg": [np.zeros((16, 8), np.float32), code.numpy()] for i, code in enumerate(latent.data)}
    np.save(tmp_path / "latents.npy", np.array(steps, dtype=object), allow_pickle=True)
    with pytest.warns(WeightWarning, match="latents of several iterations; the last is used"):
        loaded = load_latents(tmp_path / "latents.npy", generator)
    assert loaded.space is Space.W_PLUS and torch.equal(loaded.data, latent.data)


@pytest.mark.parametrize("order", [1, -1])
def test_styles_by_layer_draw_the_same_pictures(
    tmp_path: Path, generator: Generator, latent: Latent, order: int
) -> None:
    styles = generator.to_space(latent, Space.S)
    path = save_pickle(dict([*published(generator, styles.data).items()][::order]), tmp_path / "S")
    loaded = load_latents(path, generator)
    assert loaded.space is Space.S and loaded.data.shape == styles.data.shape
    assert torch.allclose(loaded.data[:, 4:], styles.data[:, 4:], rtol=1e-6)
    assert torch.allclose(generator(loaded), generator(styles), atol=1e-5)


def test_lists_of_styles(tmp_path: Path, generator: Generator, latent: Latent) -> None:
    styles = generator.to_space(latent, Space.S).data
    torch.save([{k: torch.from_numpy(v) for k, v in published(generator, row[None]).items()} for row in styles],
               tmp_path / "edits.pt")  # fmt: skip
    assert torch.allclose(load_latents(tmp_path / "edits.pt", generator).data[:, 4:], styles[:, 4:], rtol=1e-6)


def test_statistics(tmp_path: Path, generator: Generator, latent: Latent) -> None:
    styles = published(generator, generator.to_space(latent, Space.S).data)
    means, stds = ({name: f(each, axis=0) for name, each in styles.items()} for f in (np.mean, np.std))
    path = save_pickle([{"theta": np.float32(0.1), "x": 0.2, "y": 0.3}, means, stds], tmp_path / "s_stats")
    found = load_statistics(path, generator.layout)
    expected = generator.to_space(latent, Space.S).data[:, 4:]
    assert torch.allclose(found.mean[4:], expected.mean(dim=0), atol=1e-5)
    assert torch.allclose(found.std[4:], expected.std(dim=0, correction=0), atol=1e-5)


def test_relevance_of_every_channel(tmp_path: Path, generator: Generator) -> None:
    clip = tiny_clip()
    width = len(probe(clip))
    rows = F.normalize(torch.randn(generator.layout.size, width, generator=torch.Generator().manual_seed(0)), dim=1)
    np.save(tmp_path / "delta_i_c.npy", rows.numpy())
    table = load_relevance(tmp_path / "delta_i_c.npy", generator.layout, clip, "")
    assert torch.equal(table.delta_i, rows)


def test_directions_in_s(tmp_path: Path, generator: Generator) -> None:
    step = torch.randn(1, generator.layout.size, generator=torch.Generator().manual_seed(0))
    step[:, :4] = 0
    layers = generator.layout.split(step)
    torgb = generator.layout.entries[-1]
    layers[torgb.name] = layers[torgb.name] / math.sqrt(torgb.channels)
    torch.save(layers, tmp_path / "smile.pt")
    [found] = find_directions(open_content(tmp_path / "smile.pt"))
    steps = read_steps(found, generator)
    assert steps.space is Space.S and torch.allclose(steps.data, step, rtol=1e-6) and not steps.note


def test_a_direction_in_w_of_resefa(tmp_path: Path, generator: Generator) -> None:
    direction = F.normalize(torch.randn(1, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    np.save(tmp_path / "eyes-r.npy", direction.numpy())
    steps = read_steps(*find_directions(open_content(tmp_path / "eyes-r.npy")), generator)
    assert steps.space is Space.W and torch.equal(steps.data, direction)


@pytest.mark.parametrize("change", ["a gap", "no input", "a name of another", "a text"])
def test_dicts_that_are_no_styles(tmp_path: Path, generator: Generator, latent: Latent, change: str) -> None:
    layers: dict[str, Any] = published(generator, generator.to_space(latent, Space.S).data)
    [torgb] = [name for name in layers if name.startswith("L14")]
    changed = {
        "a gap": {name.replace("L14", "L15"): layer for name, layer in layers.items()},
        "no input": {name: layer for name, layer in layers.items() if name != "input"},
        "a name of another": {**layers, "b4.conv1": layers[torgb]},
        "a text": {**layers, torgb: "L14"},
    }[change]
    path = save_pickle(changed, tmp_path / "S")
    with pytest.raises(WeightError, match="S: it holds .*; "):
        read_one(path, "latents")


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((3, 4950), "S of StyleGAN3 of 1024 px, config T"),
        ((3, 9894), "S of StyleGAN3 of 1024 px, config R"),
        ((2, 16, 512), "W+ of 512 px or of a StyleGAN3, w of 512"),
    ],
)
def test_shapes_of_the_published_generators(tmp_path: Path, shape: tuple[int, ...], fits: str) -> None:
    np.save(tmp_path / "table.npy", np.ones(shape, np.float32))
    assert read_one(tmp_path / "table.npy", "latents").summary["fits"] == fits
