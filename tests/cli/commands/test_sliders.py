"""`styleclip sliders`: the edit that Python makes, what is written, photos, and one sentence each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from PIL import Image

import styleclip
from styleclip.directions.calibration import Calibration
from styleclip.directions.loading import save_direction
from styleclip.directions.own_files import save_latent_directions
from styleclip.images import read_record
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.mapper import LatentMapper, save_trained_mapper
from styleclip.methods.sliders import step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.prompts import Prompt
from tests.helpers.commands import invoke
from tests.helpers.mappers import random_trained_mapper
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_generator

Run = Callable[..., Result]
RED = Prompt("a face with red hair", "a face")


@pytest.fixture(scope="module")
def direction(models: Models) -> StyleDirection:
    found = styleclip.Slider(RED, beta=0.02, relevance="gradient").find(models)
    assert isinstance(found, StyleDirection)
    return found


@pytest.fixture
def run(
    files: tuple[Path, Path], models: Models, direction: StyleDirection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """`styleclip sliders` on the tiny models, in a folder with a mapper, a direction and the result of an edit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    save_trained_mapper(random_trained_mapper(models), tmp_path / "m.safetensors")
    save_direction(direction, models, tmp_path / "red @ home.safetensors")
    editor = styleclip.Editor(models)
    editor.edit(editor.sample(seed=5), RED, direction).save(tmp_path / "made")
    words = ["sliders", "--model", str(files[0]), "--clip", str(files[1])]
    return lambda *more: invoke(*words, *more)


def test_it_makes_the_edit_that_python_makes(
    run: Run, models: Models, direction: StyleDirection, tmp_path: Path
) -> None:
    third = 1 / 3
    edits = (
        "--edit",
        f"a face -> a face with red hair @ {third!r}, 0.02",
        "--relevance",
        "gradient",
        "--mapper",
        "m.safetensors",
    )
    files = ("--direction", "red @ home.safetensors @ -0.1", "--result", "made @ 0.25")
    lines = done(run(*edits, *files, "--seeds", "1,2", "--psi", 0.7, "--out", "out")).stdout.split()
    assert lines[0] == "out/000_before.png" and lines[-1] == "out/result.json"
    sliders = [
        styleclip.Slider(StyleStep.load(models, tmp_path / "made"), 0.25),
        styleclip.Slider(RED, third, beta=0.02, relevance="gradient"),
        styleclip.Slider(direction, -0.1),
        styleclip.Slider(LatentMapper(random_trained_mapper(models))),
    ]
    editor = styleclip.Editor(models)
    expected = editor.edit_together(editor.sample(seeds=[1, 2], psi=0.7), sliders)
    assert torch.equal(Latent.load(tmp_path / "out" / "latent.safetensors").data, expected.edited.data)
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["method"] == "sliders" and record["provenance"]["source"] == {"seeds": [1, 2], "psi": 0.7}
    told = record["settings"]["sliders"]
    assert [each["strength"] for each in told] == [-0.1, 1.0, 0.25, third]
    assert [each.get("file") for each in told] == [
        "../red @ home.safetensors",
        "../m.safetensors",
        "../made/latent.safetensors",
        None,
    ]
    assert record["prompt"].count(" + ") == 3 and len(record["provenance"]["directions"]) == 4
    told = read_record(tmp_path / "out" / "000_after.png")["settings"]["sliders"]
    assert told[2]["file"] == "latent.safetensors"


def test_a_calibrated_strength(run: Run, direction: StyleDirection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every slider without a number of its own; a direction in W+ has its unit in its file."""
    age = LatentDirection(Space.W, torch.ones(1, tiny_generator().config.w_dim), "age", unit=0.2)
    save_latent_directions([age, replace(age, name="pose")], Path("faces.safetensors"))
    monkeypatch.setattr("styleclip.directions.calibration.calibrate", lambda *_: Calibration(3.0, "clip"))
    words = (
        "--direction",
        "faces.safetensors:age",
        "--direction",
        "red @ home.safetensors",
        "--mapper",
        "m.safetensors@2",
    )
    done(run(*words, "--result", "made", "--strength", 0.5, "--out", "out"))
    told = json.loads(Path("out/result.json").read_text())["settings"]["sliders"]
    assert [each["strength"] for each in told] == [0.1, 1.5, 2.0, 1.5]
    assert [(each.get("unit"), each.get("unit_of")) for each in told[:2]] == [(0.2, "identity"), (3.0, "clip")]


def test_strength_0_is_the_source(run: Run, tmp_path: Path) -> None:
    done(run("--mapper", "m.safetensors @ 0", "--result", "made @ -0", "--out", "out"))
    with Image.open("out/before.png") as before, Image.open("out/after.png") as after:
        assert before.tobytes() == after.tobytes()
    assert (tmp_path / "out" / "latent.safetensors").is_file()


def test_outside_of_the_mask_nothing_changes(run: Run) -> None:
    mask = Image.new("L", (16, 16))
    mask.paste(255, (0, 0, 16, 8))
    mask.save("mask.png")
    done(run("--mapper", "m.safetensors @ 3", "--mask", "mask.png", "--out", "out"))
    with Image.open("out/before.png") as before, Image.open("out/after.png") as after:
        half = (0, after.height // 2, after.width, after.height)
        assert before.crop(half).tobytes() == after.crop(half).tobytes() and before.tobytes() != after.tobytes()


def test_ctrl_c_keeps_the_sliders_applied_by_then(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter([step_in_s])

    def step(*arguments: Any) -> Any:
        try:
            return next(steps)(*arguments)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("styleclip.methods.slider_edit.step_in_s", step)
    result = run("--mapper", "m.safetensors", "--result", "made", "--out", "out")
    assert (result.exit_code, "out/result.json" in result.stdout.split()) == (130, True)
    assert result.stderr.splitlines()[-1] == "Interrupted; kept the sliders that were applied by then"
    record = json.loads(Path("out/result.json").read_text())
    assert record["interrupted"] and [each["file"] for each in record["settings"]["sliders"]] == ["../m.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "nothing says what to edit; pass --edit, --direction, --mapper, --result or --child"),
        (("--edit", "a face @ home"), 2, "behind the last @ stands its strength"),
        (("--edit", "a face @ 1, auto"), 2, "leaves beta to auto, which is only for a table; write a number"),
        (("--mapper", "m.safetensors @ auto"), 2, "has no number as strength; write it like NAME or NAME @ 0.8"),
        (("--direction", "@3"), 2, "'@3' has no name; write it like NAME or NAME @ 0.8"),
        (("--mapper", "m.safetensors@2", "--strength", 1), 2, "every slider says its strength after @; leave out"),
        (("--edit", "-> "), 2, "the prompt is empty"),
        (("--edit", "a face @ 1, -0.1"), 2, "beta is -0.1; it must be 0 or more"),
        (("--edit", "a face " + "x" * 6000), 2, "far more than CLIP reads; shorten it"),
        (("--mapper", "mapper-afor"), 1, "neither a mapper nor a file nor a URL; the closest mappers are mapper-afro"),
        (("--mapper", "m.safetensors @ much"), 2, "has no number as strength; write it like NAME or NAME @ 0.8"),
        (("--mapper", "m.safetensors @ 1e45"), 1, "is not finite; lower the strength"),
        (("--mapper", "m.safetensors", "--latent", "styles.safetensors"), 1, "cannot move a source in s"),
        (("--mapper", "made/latent.safetensors"), 1, "latent.safetensors: "),
        (("--direction", "absent.pt@2"), 1, "'absent.pt' is neither a direction of the library nor a file nor a URL"),
        (("--direction", "m.safetensors"), 1, "it holds mapper, no direction"),
        (("--result", "absent"), 2, "there is no folder absent; pass one with the result of an edit"),
        (("--result", ". @ 1"), 1, "holds no result of an edit"),
        (("--result", "made", "--relevance", "table"), 2, "pass it with --edit"),
        (
            ("--edit", "a face -> a red face", "--relevance", "table"),
            2,
            "this generator has no relevance table",
        ),
        (("--result", "made", "--mask", "m.safetensors"), 2, "cannot be read as a mask"),
        (("--result", "made", "--latent", "styles.safetensors", "--psi", 0.5), 2, "--psi is the truncation of samples"),
        (("--result", "made", "--psi", 101), 2, "101.0 is not in the range"),
    ],
)
def test_one_sentence_each(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    size = tiny_generator().layout.size
    save_latent(Latent(Space.S, torch.zeros(1, size)), tmp_path / "styles.safetensors")
    failed(run(*arguments, "--out", "out"), code, words)
    assert not list((tmp_path).glob("out/*"))
