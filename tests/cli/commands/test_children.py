"""Children on the command line: amounts, layers of the parent, and one photo drawn by several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image

import styleclip
from styleclip.images import read_record, to_pil
from styleclip.weights.load import fingerprint, load_generator
from tests.helpers.children import save_grey_child
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed

Run = Callable[..., Result]
EDIT = ("--edit", "a face with glasses @ 1")


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_grey_child(tmp_path_factory.mktemp("children") / "grey.safetensors")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def saturation(path: str | Path) -> float:
    return float(np.ptp(pixels(path), axis=2).mean())


def test_amounts_and_layers(child: Path) -> None:
    for amount in ("0", "0.5", "1"):
        done(invoke("sample", "--model", child, "--amount", amount, "--seeds", "4", "--out", amount, "--quiet"))
    done(invoke("sample", "--model", child, "--parent-layers", "0-11", "--seeds", "4", "--out", "layers", "--quiet"))
    done(invoke("sample", "--seeds", "4", "--out", "demo", "--quiet"))
    colours = [saturation(next(Path(name).glob("*4.png"))) for name in ("1", "0.5", "0")]
    assert colours[0] < 1 and colours[0] < 0.6 * colours[2] > 5 and 0.4 < colours[1] / colours[2] < 0.6
    for name in ("0", "layers"):
        assert (pixels(next(Path(name).glob("*4.png"))) == pixels(next(Path("demo").glob("*4.png")))).all()
    record = read_record(next(Path("layers").glob("*4.png")).read_bytes())
    assert record["generator"]["parent_layers"] == "0-11" and record["generator"]["amount"] == 1


def test_a_generator_without_a_parent() -> None:
    for option in (("--amount", "0.5"), ("--parent-layers", "0-3")):
        failed(invoke("sample", *option), 1, "was not adapted from another one; leave out --amount and --parent-layers")
    failed(invoke("sample", "--amount", "2"), 2, "0<=x<=1")


def test_a_layer_that_is_not_there(child: Path) -> None:
    failed(invoke("sample", "--model", child, "--parent-layers", "3,14"), 2, "layer 14 is not among 0-11")


def test_one_photo_in_several_styles(child: Path, tmp_path: Path) -> None:
    """Each is what the command with that child alone makes, to the bit."""
    models = styleclip.load("demo")
    to_pil(models.render(styleclip.Editor(models).sample(seed=6)))[0].save("me.png")
    source = ("--image", "me.png", "--no-align", *EDIT, "--quiet")
    done(invoke("sliders", *source, "--child", child, "--child", f"{child} @ 0.4", "--out", "all"))
    names = ["parent", "grey", "grey-0.4"]
    assert [Path("all", name, "after.png").is_file() for name in names] == [True] * 3
    assert pixels("all/children.png").shape[1] > 4 * 128
    assert len(read_record(Path("all/children.png").read_bytes())["results"]) == 3
    for name, options in zip(names[::2], ((), ("--model", child, "--amount", "0.4")), strict=True):
        done(invoke("sliders", *source, *options, "--out", name))
        assert (pixels(Path("all", name, "after.png")) == pixels(Path(name, "after.png"))).all()
        kept, alone = (json.loads(Path(path, "result.json").read_text()) for path in (Path("all", name), name))
        assert kept["provenance"]["generator"] == alone["provenance"]["generator"]
    failed(invoke("sliders", *source, "--child", child, "--out", "all"), 1, "--overwrite")


def test_a_style_without_an_edit(child: Path) -> None:
    done(invoke("sliders", "--seeds", "3,4", "--child", child, "--out", "out", "--quiet"))
    assert (pixels("out/parent/000_before.png") == pixels("out/parent/000_after.png")).all()
    assert saturation("out/grey/001_after.png") < 1


@pytest.mark.parametrize(
    ("value", "why", "code"),
    [
        ("demo", "is no child of another generator; pass what `styleclip adapt` wrote", 1),
        ("{child} @ 2", "has an amount outside 0..1", 2),
        ("missing.safetensors", "neither a model nor a file", 1),
    ],
)
def test_what_is_no_child(child: Path, value: str, why: str, code: int) -> None:
    failed(invoke("sliders", "--child", value.format(child=child)), code, why)


def test_a_child_of_another_generator(child: Path, files: tuple[Path, Path]) -> None:
    words = ("sliders", "--model", files[0], "--clip", files[1], "--child", child)
    failed(invoke(*words), 1, "grey.safetensors was adapted from another generator; pass that one with --model")


def test_convert_and_inspect(child: Path, tmp_path: Path) -> None:
    done(invoke("models", "convert", child, "half.safetensors", "--amount", "0.5"))
    half = load_generator("half.safetensors")
    assert fingerprint(half) == fingerprint(load_generator(child, amount=0.5))
    assert torch.equal(half.w_avg, load_generator(child).w_avg)
    told = json.loads(done(invoke("models", "inspect", child, "--json")).stdout)
    assert told["parts"][0]["parent"] == "generator.safetensors"
