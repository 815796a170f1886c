"""Directions of the catalog and of the Hugging Face Hub: fetched by name, with what is known of them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from styleclip.directions.importing import import_directions
from styleclip.directions.library import direction_file
from styleclip.directions.listing import list_library
from styleclip.directions.loading import add_to_library, load_direction
from styleclip.directions.own_files import save_latent_directions
from styleclip.directions.packs import write_pack
from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.weights.catalog import Weight, weights
from styleclip.weights.hub import HubFile, parse_hub_folder
from styleclip.weights.recognition import file_hash
from tests.helpers.hub_server import COMMITS, TOKEN, running_hub


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def vector(models: Models, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, models.generator.config.w_dim)).astype(np.float32)


def publish(monkeypatch: pytest.MonkeyPatch, file: Path, generator: str | None = None) -> Weight:
    """Let the catalog know the file as "made-age", from a place of which nothing is on this disk."""
    made = Weight(
        "made-age", "direction", "age", "MIT; for use with a generator, whose own terms apply", "made-age.npy",
        ("https://example.com/age.npy",), file.stat().st_size, git_sha1=file_hash(file, "git_sha1")[:8],
        generator=generator, range=(-5.0, 6.0),
    )  # fmt: skip
    monkeypatch.setitem(weights(), made.name, made)
    return made


def test_a_name_of_the_catalog(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "published.npy", vector(models))
    made = publish(monkeypatch, tmp_path / "published.npy", "ffhq")
    fetched: list[Weight] = []

    def fetch(each: Weight) -> Path:
        fetched.append(each)
        each.path.parent.mkdir(exist_ok=True)
        return (tmp_path / "published.npy").rename(each.path)

    found = load_direction("made-age", models, fetch)
    assert fetched == [made] and isinstance(found, LatentDirection)
    assert (found.name, found.space, found.range, found.licence) == ("made-age", Space.W, (-5.0, 6.0), made.licence)
    assert found.generator is None and (found.origin["catalog"], found.origin["for"]) == ("made-age", "ffhq")
    np.testing.assert_array_equal(found.data.numpy(), vector(models))
    with pytest.raises(WeightError, match="'made-ag' is neither .* the closest directions are made-age"):
        load_direction("made-ag", models)


def test_the_same_file_under_another_name(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "age.npy", vector(models))
    [unknown] = import_directions("age.npy", models)
    assert (unknown.name, unknown.range, unknown.licence) == ("age", None, "")
    publish(monkeypatch, tmp_path / "age.npy", "ffhq")
    [found] = import_directions("age.npy", models)
    assert (found.name, found.range, found.origin["for"]) == ("made-age", (-5.0, 6.0), "ffhq")
    add_to_library([found], "age", models)
    [listed] = list_library()
    assert (listed.name, listed.generator, listed.source) == ("age", "ffhq", "made-age")
    other = replace(models, provenance={"generator": {"name": "metfaces.pkl", "network": None}})
    with pytest.warns(WeightWarning, match="made-age belongs to the generator ffhq and this is metfaces"):
        import_directions("age.npy", other)


def test_the_name_of_a_generator_of_the_catalog_is_kept(models: Models) -> None:
    own = {"name": "ffhq.pkl", "network": models.generator_fingerprint}
    ffhq = replace(models, provenance={"generator": own})
    step = LatentDirection(Space.W, torch.from_numpy(vector(models)), "a", generator=models.generator_fingerprint)
    add_to_library([step], "own", ffhq)
    add_to_library([replace(step, generator="0" * 64)], "other", ffhq)
    assert [(each.name, each.generator) for each in list_library()] == [("other", None), ("own", "ffhq")]


def test_the_hub(models: Models, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack of ours with a key and a file of another author; the commit is kept in the library."""
    age = LatentDirection(Space.W, torch.from_numpy(vector(models, 1)), "age", licence="CC0")
    pack = save_latent_directions([age, replace(age, name="old", data=-age.data)], Path("pack.safetensors"))
    theirs = io.BytesIO()
    np.save(theirs, vector(models))
    with running_hub(home, monkeypatch) as hub:
        hub.files = {"me/faces/pack.safetensors": pack.read_bytes(), "you/w/smile.npy": theirs.getvalue()}
        for name in ("hf://me/faces/pack.safetensors@v1:old", "hf://me/faces@v1/pack.safetensors:old"):
            old = load_direction(name, models)
            assert isinstance(old, LatentDirection) and torch.equal(old.data, -age.data) and old.licence == "CC0"
            assert (old.origin["hub"], old.origin["commit"]) == ("me/faces/pack.safetensors", COMMITS["v1"])
        file = direction_file("hf://you/w/smile.npy")
        [smile] = import_directions(file.path, models)
        assert (smile.name, smile.origin["hub"], smile.origin["commit"]) == (
            "smile",
            "you/w/smile.npy",
            COMMITS["main"],
        )
        with pytest.raises(WeightError, match="it holds 2 directions; pass one as NAME:KEY, of age, old"):
            load_direction("hf://me/faces/pack.safetensors@v1", models)
    add_to_library([smile], "smile", models)
    [listed] = list_library()
    assert listed.source == "you/w/smile.npy" and TOKEN not in str(listed)


def test_a_pack_in_a_repository(models: Models, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder by `direction pack` as it lies on the Hub: one direction fetches one file, the whole all of them."""
    steps = [LatentDirection(Space.W, torch.from_numpy(vector(models, seed)), f"d{seed}") for seed in range(3)]
    packed = write_pack(steps, Path("mine"))
    with running_hub(home, monkeypatch) as hub:
        hub.files = {f"me/faces/{path.name}": path.read_bytes() for path in packed}
        hub.files |= {f"me/faces/more/{path.name}": path.read_bytes() for path in packed}
        for name in ("hf://me/faces:d1", "hf://me/faces/more@v1:d1"):
            found = load_direction(name, models)
            assert isinstance(found, LatentDirection) and torch.equal(found.data, steps[1].data)
            assert found.origin["hub"].endswith("/d1.safetensors")
            assert found.origin["commit"] == COMMITS["v1" if "v1" in name else "main"]
        asked = {path.rpartition("/")[2] for method, path, _ in hub.requests if method == "GET"}
        assert asked == {"index.json", "d1.safetensors"}
        whole = import_directions(direction_file("hf://me/faces/more").path, models)
        assert [each.name for each in whole] == ["d0", "d1", "d2"]
        assert all(f"/{COMMITS['main']}/" in path for _, path, _ in hub.requests if path.endswith("d2.safetensors"))
        with pytest.raises(WeightError, match="hf://me/faces:d9 has no direction 'd9'; the closest are d"):
            direction_file("hf://me/faces:d9")
        with pytest.raises(
            WeightError, match="hf://me/faces/less/index.json@main: me/faces has no file less/index.json"
        ):
            direction_file("hf://me/faces/less")
        hub.files["bad/one/index.json"] = b'{"a": "../../x.npy"}'
        with pytest.raises(WeightError, match=r"index.json: the file of a is ../../x.npy, none here"):
            direction_file("hf://bad/one:a")


@pytest.mark.parametrize(
    ("url", "folder", "key"),
    [
        ("hf://o/r", HubFile("o/r", ""), None),
        ("hf://o/r/:age", HubFile("o/r", ""), "age"),
        ("hf://o/r/a/b@refs/pr/1:age", HubFile("o/r", "a/b", "refs/pr/1"), "age"),
        ("hf://datasets/o/r.x@v1", HubFile("o/r.x", "", "v1", "dataset"), None),
    ],
)
def test_folders_of_the_hub(url: str, folder: HubFile, key: str | None) -> None:
    assert parse_hub_folder(url) == (folder, key)


@pytest.mark.parametrize("url", ["hf://o/r/f.npy", "hf://o/r@v1/f.npy:age", "hf://o", "hf://o//a", "hf://datasets/o"])
def test_files_of_the_hub_are_no_folders(url: str) -> None:
    assert parse_hub_folder(url) is None
