"""`styleclip models convert`: every format to every other, with the same pictures, all or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from styleclip.networks.generator import Generator
from styleclip.weights import convert as conversion
from styleclip.weights.convert import convert
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from tests.golden import fill
from tests.helpers.checkpoint_writers import write_nvidia_pickle, write_pti, write_tf_pickle
from tests.helpers.compare_networks import SAME, assert_same, error, z
from tests.helpers.conversions import (
    EVEN,
    FORMATS,
    IMAGE,
    NAMES,
    NO_CLAMP,
    done,
    even_generator,
    failed,
    metadata,
    names,
    render,
    run,
    tiny_file,
    write_native,
    write_rosinality,
    write_state_dict,
)
from tests.helpers.support import run_styleclip
from tests.helpers.tiny import tiny_generator

pytestmark = pytest.mark.filterwarnings("ignore:rosinality's code builds no generator")


WRITERS = [write_native, write_rosinality, write_nvidia_pickle, write_state_dict, write_tf_pickle, write_pti]


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("write", WRITERS)
def test_every_format_to_every_other(
    tmp_path: Path, write: Callable[[Path, Generator], Path], target: conversion.Target
) -> None:
    source = write(tmp_path / "source", even_generator())
    out = tmp_path / NAMES[target]
    said = convert(source, out, target)
    assert (said.path, said.format, said.dtype) == (out, target, "float32")
    assert said.difference <= SAME and said.images == 2
    assert_close(load_generator(out), even_generator())
    assert names(tmp_path) == sorted(["source", out.name])


def assert_close(found: Generator, expected: Generator) -> None:
    """TensorFlow's file has styles without their 1, so one rounding may differ."""
    a, b = found.state_dict(), expected.state_dict()
    assert a.keys() == b.keys()
    assert all(torch.allclose(a[name], b[name], rtol=0, atol=1e-6) for name in a)


def test_rosinality_there_and_back(tmp_path: Path) -> None:
    golden = {key: torch.from_numpy(value) for key, value in fill.vectors("stylegan2_rosinality_64").items()}
    weights = {key: torch.from_numpy(value) for key, value in fill.state_dict("stylegan2_rosinality_64").items()}
    torch.save({"g_ema": weights, "latent_avg": golden["trunc_latent"][0]}, tmp_path / "first.pt")
    done(tmp_path / "first.pt", tmp_path / "ours.safetensors")
    assert done(tmp_path / "ours.safetensors", tmp_path / "second.pt").stderr == ""
    first, second = (render(tmp_path / name, golden["z"]) for name in ("first.pt", "second.pt"))
    assert error(second, first) <= SAME
    assert error(second, golden["image_z"]) <= IMAGE
    written = torch.load(tmp_path / "second.pt", weights_only=True)
    assert written["g_ema"].keys() == fill.meta("stylegan2_rosinality_64")["keys"].keys()
    assert all(torch.equal(written["g_ema"][name], weights[name]) for name in weights)


def test_nvidia_to_rosinality(tmp_path: Path) -> None:
    golden = {key: torch.from_numpy(value) for key, value in fill.vectors("stylegan2_nvidia_tiny32").items()}
    pickle = fill.HERE / "nvidia_ada_tiny32.pkl"
    done(pickle, tmp_path / "ours.safetensors")
    assert (
        "64 64 64 32 channels; to load the file it must be changed"
        in done(tmp_path / "ours.safetensors", tmp_path / "theirs.pt").stderr
    )
    done(tmp_path / "theirs.pt", tmp_path / "state.pt", "--to", "nvidia")
    for name in ("ours.safetensors", "theirs.pt", "state.pt"):
        assert error(render(tmp_path / name, golden["z"]), render(pickle, golden["z"])) <= SAME
        assert error(render(tmp_path / name, golden["z"]), golden["image_z"]) <= IMAGE
    state, keys = torch.load(tmp_path / "state.pt", weights_only=True), fill.meta("stylegan2_nvidia_tiny32")["keys"]
    assert {name: list(tensor.shape) for name, tensor in state.items()} == keys


def test_what_is_said(tmp_path: Path) -> None:
    said = done(tiny_file(tmp_path), tmp_path / "g.pt", "--to", "nvidia")
    written, proof = said.stdout.splitlines()
    same = r"are the same to the last bit|differ by at most \d\.\de-0[67], .*"  # sums depend on where a file begins
    assert written == str(tmp_path / "g.pt") and said.stderr == ""
    assert re.fullmatch(f"nvidia, float32: 2 faces rendered from both files ({same})", proof)
    half = done(tmp_path / "g.pt", tmp_path / "half.safetensors", "--dtype", "float16").stdout
    assert "styleclip, float16: 2 faces rendered from both files differ by at most 0.00" in half
    record = json.loads(done(tmp_path / "g.pt", tmp_path / "again.safetensors", "--json").stdout)
    assert 0 <= record.pop("difference") <= 1e-5
    assert record == {
        "path": str(tmp_path / "again.safetensors"),
        "format": "styleclip",
        "dtype": "float32",
        "images": 2,
    }


def test_a_name_or_a_url(tmp_path: Path) -> None:
    done("demo", tmp_path / "demo.pt", "--to", "nvidia")
    done((tmp_path / "demo.pt").as_uri(), tmp_path / "again.safetensors")
    assert_same(load_generator(tmp_path / "again.safetensors"), load_generator(tmp_path / "demo.pt"))
    failed(
        run("dmo", tmp_path / "x.pt"), 1, "'dmo' is neither a model nor a file nor a URL; the closest models are demo"
    )
    failed(run("ffhq", tmp_path / "x.pt", "--offline"), 1, "ffhq is not in", "downloads are off", "licence: NVIDIA")


@pytest.mark.parametrize("target", FORMATS)
def test_half_precision(tmp_path: Path, target: str) -> None:
    generator = even_generator()
    out = tmp_path / NAMES[target]
    done(save_generator(generator, tmp_path / "source"), out, "--to", target, "--dtype", "float16")
    assert describe(out)["parts"][0]["precision"] == "float16"
    found = load_generator(out)
    assert {tensor.dtype for tensor in found.state_dict().values()} == {torch.float32}
    assert torch.allclose(found.w_avg, generator.w_avg, rtol=2**-10)  # half has 11 bits
    done(out, tmp_path / "wide.safetensors")
    assert_same(load_generator(tmp_path / "wide.safetensors"), found)


@pytest.mark.parametrize("target", FORMATS)
def test_half_precision_must_not_overflow(tmp_path: Path, target: str) -> None:
    generator = even_generator()
    generator.w_avg.fill_(1e6)
    source = save_generator(generator, tmp_path / "source")
    result = run(source, tmp_path / NAMES[target], "--to", target, "--dtype", "float16")
    failed(result, 1, "w_avg overflows torch.float16; save it as float32")
    assert names(tmp_path) == ["source"]


def test_the_licence_goes_along(tmp_path: Path) -> None:
    write_nvidia_pickle(tmp_path / "net.pkl", tiny_generator())
    done(tmp_path / "net.pkl", tmp_path / "a.safetensors")
    done(tmp_path / "a.safetensors", tmp_path / "b.safetensors", "--dtype", "float16")
    assert metadata(tmp_path / "a.safetensors")["source"] == "net.pkl"
    assert metadata(tmp_path / "b.safetensors")["source"] == "a.safetensors"
    for name in ("a.safetensors", "b.safetensors"):
        assert "Nvidia Source Code License-NC" in metadata(tmp_path / name)["licence"]
    done(tiny_file(tmp_path), tmp_path / "c.safetensors")
    assert "licence" not in metadata(tmp_path / "c.safetensors")


def test_a_class_of_a_conditional_generator(tmp_path: Path) -> None:
    source, out = write_nvidia_pickle(tmp_path / "net.pkl", tiny_generator(), c_dim=5), tmp_path / "class.safetensors"
    failed(run(source, out), 1, "its generator has 5 classes; choose 0 to 4 by label= or --label")
    failed(run(source, out, "--label", 5), 1, "5 classes, and 5 is none of them")
    done(source, out, "--label", 3)
    assert_same(load_generator(out), load_generator(source, label=3))
    assert metadata(out)["label"] == "3"
    failed(run(out, tmp_path / "again.safetensors", "--label", 3), 1, "has no classes; leave the label out")


@pytest.mark.parametrize("target", ["rosinality", "nvidia"])
def test_an_unusual_learning_rate_becomes_the_usual_one(tmp_path: Path, target: str) -> None:
    source = save_generator(even_generator(mapping_lr_mul=0.03), tmp_path / "source")
    done(source, tmp_path / "g.pt", "--to", target)
    found = load_generator(tmp_path / "g.pt")
    assert found.config == EVEN
    assert error(found.map(z(size=8)), load_generator(source).map(z(size=8))) <= SAME


@pytest.mark.parametrize("target", ["rosinality", "nvidia"])
def test_a_clamp_that_does_nothing_is_left_out_with_a_warning(tmp_path: Path, target: str) -> None:
    source = save_generator(even_generator(conv_clamp=256.0), tmp_path / "source")
    last = done(source, tmp_path / "g.pt", "--to", target).stderr.splitlines()[-1]
    assert last.startswith("Warning: ") and last.endswith(NO_CLAMP)
    assert load_generator(tmp_path / "g.pt").config.conv_clamp is None
    assert done(source, tmp_path / "g.safetensors").stderr == ""
    assert load_generator(tmp_path / "g.safetensors").config.conv_clamp == 256


def test_in_a_process_of_its_own(tmp_path: Path, python: list[str]) -> None:
    save_generator(even_generator(conv_clamp=256.0), tmp_path / "source")
    said = run_styleclip("models", "convert", "source", "g.pt", cwd=tmp_path, python=python)
    assert said.returncode == 0 and said.stdout.startswith("g.pt\nrosinality, float32: 2 faces")
    assert [line.partition(": ")[0] for line in said.stderr.splitlines()] == ["Warning", "Warning"]
    assert "no generator of 6 5 4 channels" in said.stderr and NO_CLAMP in said.stderr


@pytest.mark.parametrize(
    ("channels", "usual"),
    [
        ({4: 512, 8: 512, 16: 512, 32: 512}, True),
        ({4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}, True),
        ({4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64}, True),
        ({4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 512}, False),
        ({4: 512, 8: 512, 16: 512, 32: 256}, False),
    ],
)
def test_the_channels_that_rosinality_builds(channels: dict[int, int], usual: bool) -> None:
    assert conversion._has_rosinality_channels(channels) is usual
