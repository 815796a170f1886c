"""Directions written and read again: one, a pack, by path and by name; damaged files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import styleclip
from styleclip.directions.library import library_folder, library_names, named_file
from styleclip.directions.listing import list_library
from styleclip.directions.loading import add_to_library
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.errors import UsageError, WeightError, WeightWarning
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.prompts import Prompt


@pytest.fixture
def pack(models: Models) -> list[LatentDirection]:
    draw = torch.Generator().manual_seed(0)
    w_dim, num_ws = models.generator.config.w_dim, models.generator.num_ws
    age = LatentDirection(
        Space.W,
        torch.randn(1, w_dim, generator=draw),
        "age",
        alpha=2.0,
        unit=0.5,
        unit_of="clip",
        range=(-3.0, 4.5),
        center=torch.randn(w_dim, generator=draw),
        generator=models.generator_fingerprint,
        prompt=Prompt("an old face", ("a face", "a child")),
        licence="MIT",
        origin={"source": "InterFaceGAN", "accuracy": 0.9},
    )
    return [age, LatentDirection(Space.W_PLUS, torch.randn(1, num_ws, w_dim, generator=draw), "pose", layers="0-3")]


def test_all_that_is_known_is_kept(models: Models, pack: list[LatentDirection], tmp_path: Path) -> None:
    path = save_latent_directions(pack, tmp_path / "pack.safetensors")
    for kept, direction in zip(read_latent_directions(path), pack, strict=True):
        for name, value in vars(direction).items():
            assert (
                torch.equal(getattr(kept, name), value)
                if name in ("data", "center") and value is not None
                else (getattr(kept, name) == value)
            )
    found = styleclip.load_direction(f"{path}:age", models)
    assert isinstance(found, LatentDirection) and found.origin["file"] == "pack.safetensors"
    with pytest.raises(WeightError, match="it holds 2 directions; pass one as NAME:KEY, of age, pose"):
        styleclip.load_direction(path, models)
    with pytest.raises(WeightError, match="it has no direction 'smile'; those in it are age, pose"):
        styleclip.load_direction(f"{path}:smile", models)
    other = replace(models, provenance={"generator": {"network": "other"}})
    with pytest.raises(WeightError, match="pack.safetensors: pack:age was made for another generator; pass that one"):
        styleclip.load_direction(f"{path}:age", other)
    again = styleclip.save_direction(found, models, tmp_path / "age.safetensors")
    assert read_latent_directions(again)[0].origin == pack[0].origin
    assert styleclip.load_direction(again, models).unit == 0.5


def test_names_of_the_library(
    models: Models, pack: list[LatentDirection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    assert library_names() == []
    with pytest.raises(WeightError, match="'age' is neither a direction of the library nor a file nor a URL"):
        styleclip.load_direction("age", models)
    save_latent_directions(pack, library_folder() / "mine.safetensors")
    save_latent_directions(pack[1:], library_folder() / "pose.safetensors")
    assert library_names() == ["mine", "pose"]
    for name, key in (("mine:age", "age"), ("mine:pose", "pose"), ("pose", "pose")):
        found = styleclip.load_direction(name, models)
        assert isinstance(found, LatentDirection) and (found.name, found.label) == (key, name)
    with pytest.raises(WeightError, match="the closest directions are"):
        styleclip.load_direction("posse", models)


def test_a_name_of_the_library_is_no_path(
    models: Models, pack: list[LatentDirection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    outside = save_latent_directions(pack[:1], tmp_path / "age.safetensors")
    kept = save_latent_directions(pack[1:], library_folder() / "pose.safetensors")
    assert named_file("pose") == (kept, None) and named_file("pose:pose") == (kept, "pose")
    for name in (
        str(outside),
        outside.name,
        "../age",
        f"{outside}:age",
        "https://example.org/age.pt",
        "",
        ":",
        "pose:",
    ):
        with pytest.raises(WeightError, match="is no direction of the library or the catalog"):
            named_file(name)
    with pytest.raises(WeightError, match="e4e-age is not on this disk; run `styleclip models pull e4e-age`"):
        named_file("e4e-age")


def test_a_direction_without_a_generator_knows_what_it_was_imported_for(
    models: Models, pack: list[LatentDirection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    add_to_library(pack, "mine", models)
    other = replace(models, provenance={"generator": {"network": "other"}})
    assert styleclip.load_direction("mine:pose", models).origin["imported_for"] == models.generator_fingerprint
    with pytest.warns(WeightWarning, match="mine:pose was imported for another generator, and nothing says"):
        styleclip.load_direction("mine:pose", other)
    age, pose = list_library()
    assert (age.fingerprint, age.imported_for) == (models.generator_fingerprint, None)
    assert (pose.fingerprint, pose.imported_for) == (None, models.generator_fingerprint)


def change(path: Path, **changes: Any) -> None:
    """Write the file again with other values in the record of its first direction."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    about = json.loads(metadata["about"])
    about["directions"][0] |= changes
    save_file(load_file(path), path, {**metadata, "about": json.dumps(about)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "z"}, "the record of directions.0 is damaged; import or make the direction again"),
        ({"name": "pose"}, "two of its directions have one name; import"),
        ({"name": ""}, "name is no text of moderate length"),
        ({"absolute": False}, "the tensors of directions.0 are damaged; import"),
        ({"unit": -1.0}, "its unit -1 is damaged; import"),
        ({"unit_of": "taste"}, "its unit 0.5 is damaged; import"),
        ({"range": [2.0, 1.0]}, "its range 2 to 1 is damaged; import"),
        ({"range": 3}, "its range is damaged; import"),
        ({"alpha": "much"}, "alpha is much, no number"),
        ({"target": 5}, "the texts of a direction are damaged; import"),
        ({"space": "w+"}, "a value in w\\+ has 3 axes"),
    ],
)
def test_damaged_records(pack: list[LatentDirection], tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = save_latent_directions(pack, tmp_path / "pack.safetensors")
    change(path, **changes)
    with pytest.raises(WeightError, match=message):
        read_latent_directions(path)


def test_what_cannot_be_saved(pack: list[LatentDirection], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no direction to save"):
        save_latent_directions([], tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="two directions are called 'age'"):
        save_latent_directions([pack[0], pack[0]], tmp_path / "none.safetensors")
    assert not list(tmp_path.iterdir())
