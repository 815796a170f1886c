"""Commands on the file of a tiny StyleGAN3, also with --translate and --rotate."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from styleclip import loading
from styleclip.cli import main
from styleclip.networks.clip import CLIP
from styleclip.weights.clips import load_clip
from styleclip.weights.formats.own_files import save_generator
from tests.helpers.files import tiny_clip_file
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_generator
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

PROMPT = ("--prompt", "a face with red hair", "--neutral", "a face")
MOVED = ("--translate", "0.25,-0.1", "--rotate", 30)
Run = Callable[..., Result]


@functools.cache
def loaded_clip(name: str) -> CLIP:
    return load_clip(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stylegan3")
    save_generator(tiny_stylegan3(resolution=16, layers=6), folder / "g.safetensors")
    save_generator(tiny_generator(), folder / "stylegan2.safetensors")
    tiny_clip_file(folder)
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    Image.fromarray(noise).save(folder / "photo.png")
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STYLECLIP_HOME", str(folder / "cache"))
    monkeypatch.setattr(loading, "load_clip", lambda name, *_: loaded_clip(str(folder / name)))

    def run(*words: object, model: str = "g.safetensors") -> Result:
        command = [*map(str, words), "--model", model, "--clip", "clip.safetensors"]
        return CliRunner().invoke(main, command, prog_name="styleclip")

    return run


def pixels(*parts: str) -> np.ndarray:
    with Image.open(Path(*parts)) as picture:
        return np.asarray(picture).astype(int)


def record(folder: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((Path(folder) / "result.json").read_text())
    return found


def test_sample(run: Run) -> None:
    done(run("sample", "--seeds", "1", "--out", "still"))
    moved = json.loads(done(run("sample", "--seeds", "1", *MOVED, "--json", "--out", "moved")).stdout)
    assert (moved["translate"], moved["rotate"]) == ([0.25, -0.1], 30)
    names = ("seed_0001.png", "latent.safetensors")
    assert (pixels("still", names[0]) != pixels("moved", names[0])).any()
    assert Path("still", names[1]).read_bytes() == Path("moved", names[1]).read_bytes()


def test_optimize_moves_pictures_alone(run: Run) -> None:
    for name, options in (("upright", ()), ("turned", MOVED)):
        done(run("optimize", *PROMPT, "--seed", 1, "--steps", 2, *options, "--out", name))
    files = [Path(name, "latent.safetensors").read_bytes() for name in ("upright", "turned")]
    assert files[0] == files[1] and (pixels("upright", "after.png") != pixels("turned", "after.png")).any()
    provenance = [record(name)["provenance"] for name in ("upright", "turned")]
    assert [each.get("translate") for each in provenance] == [None, [0.25, -0.1]]


def test_global_directions_and_sliders(run: Run) -> None:
    gradient = ("--relevance", "gradient", "--images", 1, "--alpha", "0,2", "--grid", "--seeds", "0,1")
    done(run("global-dir", *PROMPT, *gradient, *MOVED, "--out", "by-gradient"))
    done(run("direction", "sefa", "--name", "axes", "--count", 3, "--no-calibrate"))
    sliders = ("--direction", "axes:0 @ 2", "--direction", "axes:1 @ -1")
    done(run("sliders", "--seed", 0, *sliders, *MOVED, "--out", "together"))
    assert (pixels("together", "before.png") != pixels("together", "after.png")).any()


def test_photos_are_not_pasted_where_the_face_moves(run: Run) -> None:
    photo = ("--image", "photo.png", "--no-align", "--refine", 2, "--steps", 1)
    done(run("optimize", *PROMPT, *photo, *MOVED, "--out", "photo-moved"))
    assert not Path("photo-moved", "photo.png").exists() and Path("photo-moved", "after.png").exists()
    failed(run("optimize", *PROMPT, *photo, *MOVED, "--paste", "--out", "pasted"), 2, "leave out --paste")


def test_a_stylegan2_is_refused_before_any_work(run: Run) -> None:
    words = ("--translate and --rotate", "this generator is none; leave them out")
    failed(run("sample", "--rotate", 5, "--out", "none", model="stylegan2.safetensors"), 2, *words)
    assert not Path("none").exists()


@pytest.mark.parametrize("value", ["0.1", "1,2,3", "a,b", "nan,0", "inf,0"])
def test_shifts_that_cannot_be_read(run: Run, value: str) -> None:
    failed(run("sample", "--translate", value), 2, "is no shift; write it like 0.1,-0.05")
