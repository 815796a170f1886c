"""`direction show`: unit, range and drift of a direction, a strip, and what the library keeps of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from styleclip.cli import main
from styleclip.directions import report
from styleclip.directions.library import library_folder
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.directions.style_direction_files import load_style_direction, save_style_direction
from styleclip.images import read_record
from styleclip.latents import Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.prompts import Prompt

pytestmark = pytest.mark.usefixtures("known_units")


@pytest.fixture(autouse=True)
def known_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "find_range", lambda *_: (-2.0, 4.0))


def run(*words: object) -> Result:
    result = CliRunner().invoke(main, ["direction", "show", "--seeds", "0-1", *map(str, words)], prog_name="styleclip")
    assert result.exit_code == 0, result.output
    return result


def directions(models: Models) -> list[LatentDirection]:
    draw = torch.Generator().manual_seed(0)
    w_dim = models.generator.config.w_dim
    age, tilt = (torch.randn(1, w_dim, generator=draw) for _ in range(2))
    return [
        LatentDirection(Space.W, age, "age", licence="MIT", origin={"source": "SeFa"}),
        LatentDirection(Space.W, tilt, "tilt", range=(-9.0, 9.0), center=torch.zeros(w_dim)),
    ]


def test_the_library_keeps_what_was_measured(models: Models, model: tuple[str, ...]) -> None:
    path = library_folder() / "pack.safetensors"
    path.parent.mkdir(parents=True)
    save_latent_directions(directions(models), path)
    lines = run("pack:age", *model).stdout.splitlines()
    assert [Path(line) for line in lines[:2]] == [Path("styleclip-out/directions/pack-age/strip.png"), path]
    words = dict(line.split(maxsplit=1) for line in lines[2:] if len(line.split()) > 1)
    assert words["unit"] == "alpha 1.25, by clip"
    assert "useful range  alpha -2 to 4" in lines
    assert (words["licence"], words["source"]) == ("MIT", "SeFa")
    age, tilt = read_latent_directions(path)
    assert (age.unit, age.unit_of, age.range) == (1.25, "clip", (-2.0, 4.0))
    assert (tilt.unit, tilt.range) == (None, (-9.0, 9.0))
    again = run("pack:age", "--overwrite", *model).stdout.splitlines()
    assert again[1].startswith("unit "), "nothing new is written"


def test_the_strip_and_its_record(models: Models, model: tuple[str, ...], tmp_path: Path) -> None:
    file = save_latent_directions(directions(models), tmp_path / "pack.safetensors")
    found = json.loads(run(f"{file}:tilt", "--faces", 3, "--json", "--out", "here", *model).stdout)
    assert found["files"] == ["here/strip.png"]
    assert (found["range"], found["measured_range"]) == ([-9.0, 9.0], [-2.0, 4.0])
    assert [each["alpha"] for each in (*found["drift_per_unit"], *found["drift_at_ends"])] == [-1.25, 1.25, -2.0, 4.0]
    assert all(each["identity"] is None and each["clip"] > 0 for each in found["drift_per_unit"])
    assert found["absolute"] and found["space"] == "w" and found["faces"] == 3
    assert read_record(Path("here/strip.png"))["measured_range"] == [-2.0, 4.0]
    with Image.open("here/strip.png") as strip:
        assert strip.width > 7 * 128 and strip.height > 2 * 128
    assert read_latent_directions(file)[1].unit is None  # a file outside of the library stays as it is


def test_the_direction_of_a_text(models: Models, model: tuple[str, ...]) -> None:
    direction = GlobalDirection(relevance="gradient", images=2).find(models, Prompt("a face with red hair", "a face"))
    library_folder().mkdir(parents=True)
    path = save_style_direction(direction, models, library_folder() / "red.safetensors")
    found = json.loads(run("red", "--json", *model).stdout)
    assert (found["space"], found["target"], found["channels"]) == (
        "s",
        "a face with red hair",
        len(direction.channels),
    )
    kept = load_style_direction(path, models)
    assert (kept.unit, kept.unit_of, kept.range) == (1.25, "clip", (-2.0, 4.0))
    assert torch.equal(kept.weights, direction.weights)
