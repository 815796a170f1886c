"""The step between two latents in S, read from the folder of a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.editor import Editor
from styleclip.errors import WeightError
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.optimize import Optimize
from styleclip.methods.sliders import Slider
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.file_state import sha256_of

TEXT = Prompt("a face with red hair", ("a face", "a face with old hair"))


@pytest.fixture
def folder(models: Models, tmp_path: Path) -> Path:
    editor = Editor(models)
    editor.edit(editor.sample(seed=3), TEXT, Optimize(steps=3)).save(tmp_path / "made")
    return tmp_path / "made"


def change_record(folder: Path, **values: Any) -> None:
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_finished_edit_serves_any_face(models: Models, folder: Path) -> None:
    editor = Editor(models)
    step = StyleStep.load(models, folder)
    assert step.prompt == TEXT and step.data.shape == (1, models.generator.layout.size)
    source, edited = (Latent.load(folder / f"{name}.safetensors") for name in ("source", "latent"))
    assert torch.equal(step.data, StyleStep.between(models, source, edited).data)
    again = editor.edit_together(source, [Slider(step)])
    torch.testing.assert_close(again.edited.data, models.generator.to_space(edited, Space.S).data)
    others = editor.edit_together(editor.sample(seeds=[1, 2]), [Slider(step, -0.5)])
    assert others.prompt == TEXT.target and set(others.scores[0]) == {"clip_before", "clip_after"}
    [told] = others.settings["sliders"]
    assert (told["method"], told["file"], told["strength"]) == ("optimize", "latent.safetensors", -0.5)
    assert told["sha256"] == sha256_of(folder / "latent.safetensors") and told["neutral"] == TEXT.neutral


def test_a_record_without_a_text(models: Models, folder: Path) -> None:
    change_record(folder, prompt=None)
    result = Editor(models).edit_together(Editor(models).sample(), [Slider(StyleStep.load(models, folder))])
    assert result.prompt == "latent" and result.scores == [{}]


def remove(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("result.json"), r"holds no result of an edit \(result.json is missing\); pass the folder of one edit"),
        (remove("source.safetensors"), r"source.safetensors is missing\); pass the folder"),
        (lambda folder: (folder / "result.json").write_text("[1]"), "it does not say how it was made; pass the folder"),
        (lambda folder: (folder / "result.json").write_bytes(b"\xff{"), "pass the folder of one edit"),
        (lambda folder: (folder / "result.json").write_text("[" * 2**21), "more than 1,048,576 characters; pass the"),
        (lambda folder: change_record(folder, provenance=3), "pass the folder of one edit"),
        (lambda folder: change_record(folder, provenance={"generator": {"network": "x"}}), "another generator; pass"),
        (lambda folder: (folder / "latent.safetensors").write_bytes(b"no"), "latent.safetensors: "),
        (
            lambda folder: save_latent(Latent(Space.W_PLUS, torch.zeros(1, 3, 2)), folder / "latent.safetensors"),
            "does not fit this generator",
        ),
    ],
)
def test_other_folders_are_refused(models: Models, folder: Path, damage: Any, message: str) -> None:
    damage(folder)
    with pytest.raises(WeightError, match=message) as error:
        StyleStep.load(models, folder)
    assert "; " in str(error.value) and "\n" not in str(error.value)


def test_an_absent_folder(models: Models, tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="absent holds no result of an edit"):
        StyleStep.load(models, tmp_path / "absent")
