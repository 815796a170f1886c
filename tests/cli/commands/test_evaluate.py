"""`evaluate --direction`: directions of the library and of files, measured at their alpha."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from styleclip.directions.own_files import save_latent_directions
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.prompts import Prompt
from tests.helpers.commands import invoke
from tests.helpers.support import failed

DEMO_W_DIM = 256


@pytest.fixture(autouse=True)
def hat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`hat.safetensors`, a direction of the demo generator that moves nothing, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    nothing, prompt = torch.zeros(1, DEMO_W_DIM), Prompt("a face wearing a hat")
    save_latent_directions([LatentDirection(Space.W, nothing, "hat", 2.5, prompt=prompt)], "hat.safetensors")


def test_a_direction_by_its_own_text_and_alpha() -> None:
    result = invoke("evaluate", "--direction", "hat.safetensors", "--seeds", "0-3", "--json", "--quiet")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    [score], [slider] = record["prompts"], record["settings"]["sliders"]
    assert score["prompt"] == "a face wearing a hat" and record["method"] == "sliders"
    assert (slider["name"], slider["strength"]) == ("hat", 2.5)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["hat.safetensors", "--editor", "optimize"], 2, "--direction is an editor of its own; leave out --editor"),
        (["hat.safetensors", "--mapper", "demo-old"], 2, "--direction is an editor of its own"),
        (["hat.safetensors", "--set", "tuning"], 2, "--direction is an editor of its own"),
        (["hat.safetensors", "--direction", "hat.safetensors@1"], 2, "several directions have no text in common"),
        (["nobody"], 1, "'nobody' is neither a direction of the library nor a file nor a URL"),
        (["hat.safetensors @ x"], 2, "'hat.safetensors @ x' has no number as strength"),
    ],
)
def test_bad_usage(words: list[str], code: int, sentence: str) -> None:
    failed(invoke("evaluate", "--seeds", "0-3", "--direction", *words), code, sentence)
