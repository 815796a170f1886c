"""Packs: one file, a folder with an index, and what each reader of them gives back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from styleclip.directions.library import entry_path, library_names
from styleclip.directions.loading import add_to_library, load_direction, read_directions, save_direction
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.directions.packs import collect, remove_from_pack, write_pack
from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.latents import Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.prompts import Prompt


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def library(models: Models) -> list[LatentDirection]:
    """Entries `age` and `sefa`, a pack of three."""
    draw = torch.Generator().manual_seed(0)
    steps = torch.randn(4, 1, models.generator.config.w_dim, generator=draw)
    age = LatentDirection(Space.W, steps[0], "age", unit=0.5, range=(-3, 4.5), licence="MIT")
    axes = [LatentDirection(Space.W, step, str(i), origin={"source": "SeFa"}) for i, step in enumerate(steps[1:])]
    add_to_library([age], "age", models)
    add_to_library(axes, "sefa", models)
    return [age, *axes]


def names_in(path: Path) -> list[str]:
    return [each.name for each in read_latent_directions(path)]


def test_one_file(models: Models, library: list[LatentDirection]) -> None:
    [path] = write_pack(collect(["age", "sefa:1"]), Path("pack.safetensors"))
    assert names_in(path) == ["age", "sefa-1"]
    for name, kept in (("age", library[0]), ("sefa-1", library[2])):
        found = load_direction(f"pack.safetensors:{name}", models)
        assert isinstance(found, LatentDirection) and torch.equal(found.data, kept.data)
        assert (found.unit, found.range, found.licence) == (kept.unit, kept.range, kept.licence)
    with pytest.raises(OutputError, match="already holds results .pack.safetensors.; pass --overwrite"):
        write_pack(collect(["sefa"]), path)
    write_pack(collect(["sefa", f"{path}:age"]), path, overwrite=True)
    assert names_in(path) == ["sefa-0", "sefa-1", "sefa-2", "age"]


def test_a_folder(models: Models, library: list[LatentDirection]) -> None:
    files = write_pack(collect(["age", "sefa:2"]), Path("pack"))
    assert [path.name for path in files] == ["age.safetensors", "sefa-2.safetensors", "index.json"]
    index = json.loads(Path("pack/index.json").read_text())
    assert index["age"] == {
        "file": "age.safetensors", "space": "w", "unit": 0.5, "unit_of": "identity", "range": [-3, 4.5],
        "licence": "MIT",
    }  # fmt: skip
    assert index["sefa-2"] == {"file": "sefa-2.safetensors", "space": "w"}
    found = load_direction("pack:sefa-2", models)
    assert isinstance(found, LatentDirection) and torch.equal(found.data, library[3].data)
    assert [each.name for each in collect(["pack"])] == ["age", "sefa-2"]
    write_pack(collect(["age"]), Path("pack"), overwrite=True)
    assert sorted(path.name for path in Path("pack").iterdir()) == ["age.safetensors", "index.json"]


def test_a_folder_of_another_author(models: Models, library: list[LatentDirection]) -> None:
    """The index names the directions, and has what the files leave out."""
    save_latent_directions([replace(library[0], range=None)], Path("theirs/a.safetensors"))
    save_latent_directions(library[1:3], Path("theirs/b.safetensors"))
    index = {"old": {"file": "a.safetensors", "range": [-1, 2], "licence": "CC0"}, "axis": "b.safetensors"}
    Path("theirs/index.json").write_text(json.dumps(index))
    found = read_directions("theirs", models)
    assert [each.name for each in found] == ["old", "axis_0", "axis_1"]
    first = found[0]
    assert isinstance(first, LatentDirection) and (first.range, first.licence) == ((-1, 2), "MIT")
    add_to_library(found, "theirs", models)
    assert names_in(entry_path("theirs")) == ["old", "axis_0", "axis_1"]
    Path("theirs/index.json").write_text(json.dumps({"old": {"file": "a.safetensors", "range": [2, -1]}}))
    with pytest.raises(WeightError, match="theirs/index.json: its range 2 to -1 is damaged"):
        read_directions("theirs", models)


def test_removal_from_a_pack(library: list[LatentDirection]) -> None:
    assert remove_from_pack("sefa:1") == entry_path("sefa") and names_in(entry_path("sefa")) == ["0", "2"]
    with pytest.raises(WeightError, match="sefa has no direction '1'; the closest are "):
        remove_from_pack("sefa:1")
    with pytest.raises(WeightError, match="the library has no 'sofa'; the closest directions are sefa, age"):
        remove_from_pack("sofa")
    for key in ("0", "2"):
        remove_from_pack(f"sefa:{key}")
    assert library_names() == ["age"]


def test_what_cannot_be_packed(models: Models, library: list[LatentDirection]) -> None:
    text = GlobalDirection(relevance="gradient", images=2, beta=0.0).find(
        models, Prompt("a face with red hair", "a face")
    )
    with pytest.raises(UsageError, match="a pack holds no direction of a text, such as 'a face with red hair'"):
        add_to_library([library[0], text], "both", models)
    add_to_library([text], "red", models)
    save_direction(text, models, Path("red.safetensors"))
    for name in ("red", "red.safetensors"):
        with pytest.raises(UsageError, match=f"{name} is the direction of a text, which is a file by itself; share "):
            collect([name])
    np.save("age.npy", np.zeros((1, 8)))
    with pytest.raises(WeightError, match="age.npy is no file of styleclip; import it first with `styleclip direction"):
        collect(["age.npy"])
    with pytest.raises(UsageError, match="two directions are called 'age'; pack them apart"):
        write_pack(collect(["age", "age"]), Path("twice"))
    with pytest.raises(WeightError, match="it has no direction '9'; those in it are 0, 1, 2"):
        collect(["sefa:9"])
    assert library_names() == ["age", "red", "sefa"] and not Path("twice").exists()
