"""`direction sefa` and `direction ganspace`: a pack in the library, and a sheet of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import styleclip
from styleclip.cli import main
from styleclip.directions import calibration
from styleclip.directions.calibration import Calibration
from styleclip.directions.ganspace import ganspace
from styleclip.directions.library import library_folder
from styleclip.directions.own_files import read_latent_directions
from styleclip.directions.sefa import sefa
from styleclip.errors import UsageError
from styleclip.images import read_record
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from tests.helpers.support import failed


def run(command: str, *words: object) -> Result:
    return CliRunner().invoke(main, ["direction", command, *map(str, words)], prog_name="styleclip")


def done(command: str, *words: object) -> str:
    result = run(command, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("known_units")
def test_sefa_fills_the_library(model: tuple[str, ...], models: Models) -> None:
    lines = done("sefa", "--name", "axes", "--count", 3, "--seeds", "0-1", *model).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["axes:0", "axes:1", "axes:2"]
    path, sheet = map(Path, lines[:2])
    assert path == library_folder() / "axes.safetensors"
    found = read_latent_directions(path)
    for direction, expected in zip(found, sefa(models, count=3), strict=True):
        assert torch.equal(direction.data, expected.data)
        assert direction.origin == expected.origin and direction.generator == models.generator_fingerprint
        assert (direction.unit, direction.unit_of) == (1.25, "clip")
    assert styleclip.load_direction("axes:2", models).name == "2"
    assert read_record(sheet)["directions"][1]["unit"] == 1.25
    with Image.open(sheet) as picture:
        assert picture.width > 10 * 128


def test_ganspace_moves_the_chosen_layers(model: tuple[str, ...], models: Models) -> None:
    options = ("--layers", "1,3-4", "--count", 2, "--samples", 400, "--seed", 7, "--no-calibrate", "--seeds", 4)
    record: dict[str, Any] = json.loads(done("ganspace", "--name", "pca", *options, "--json", *model))
    assert {each["layers"] for each in record["directions"]} == {"1,3-4"}
    assert [each["unit"] for each in record["directions"]] == [None, None]
    assert (record["command"], record["samples"], record["seed"]) == ("direction ganspace", 400, 7)
    found = read_latent_directions(record["files"][0])
    for direction, expected in zip(found, ganspace(models, [1, 3, 4], 2, 400, 7), strict=True):
        assert direction.space is Space.W_PLUS
        assert torch.equal(direction.data, expected.data)


def test_all_layers_by_name(model: tuple[str, ...]) -> None:
    record = json.loads(
        done("sefa", "--name", "a", "--layers", "all", "--count", 1, "--no-calibrate", "--json", *model)
    )
    assert record["directions"][0]["space"] == "w"


def test_a_direction_that_moves_no_picture_has_no_unit(model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    def calibrate(_: Models, direction: LatentDirection, *__: object) -> Calibration:
        if direction.name == "1":
            raise UsageError("this direction moves no picture, however large alpha is; pass another direction")
        return Calibration(2.5, "clip")

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    lines = done("sefa", "--name", "a", "--count", 3, "--seeds", 0, *model).splitlines()
    assert [each.unit for each in read_latent_directions(lines[0])] == [2.5, None, 2.5]
    assert [line[line.rindex("  ") + 2 :] for line in lines[2:]] == ["unit 2.5", "no unit", "unit 2.5"]


def test_a_name_that_is_taken(model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    quick = ("--name", "axes", "--count", 1, "--no-calibrate", "--seeds", 0)
    done("sefa", *quick, *model)
    with monkeypatch.context() as patch:
        patch.setitem(vars(styleclip), "load", None)  # it is seen before any work
        failed(run("sefa", *quick, "--out", "other", *model), 1, "axes already; pass --overwrite or another --name")
    done("ganspace", *quick, "--samples", 50, "--overwrite", *model)
    [direction] = read_latent_directions(library_folder() / "axes.safetensors")
    assert direction.origin["source"] == "GANSpace"


@pytest.mark.parametrize("command", ["sefa", "ganspace"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the directions need a name in the library; pass one with --name"),
        (("--name", "../x"), "'../x' cannot be the name of a direction"),
        (("--name", "a", "--seeds", "0-8"), "9 faces do not fit on a sheet; pass up to 8 with --seeds"),
        (("--name", "a", "--layers", "2-x"), "'2-x' is not a list of layers; write it like 0-7 or 0-7,12."),
        (("--name", "a", "--layers", "2-9"), "layer 9 does not exist; the layers of this generator are 0 to 5"),
        (("--name", "a", "--count", "9"), "there are 1 to 8 directions here, not 9; pass another count"),
        (("--name", "a", "--count", "0"), "0 is not in the range x>=1"),
    ],
)
def test_bad_usage(command: str, words: tuple[str, ...], message: str, model: tuple[str, ...]) -> None:
    failed(run(command, *words, *model), 2, message)
    assert not list(library_folder().glob("*.safetensors"))
    assert not Path("styleclip-out").exists()
