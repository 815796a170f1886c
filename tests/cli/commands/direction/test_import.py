"""`direction import`: files of any author become entries of the library, and `--direction` takes them by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.directions.library import library_folder
from styleclip.directions.own_files import read_latent_directions
from styleclip.directions.packs import write_pack
from styleclip.directions.style_direction_files import save_style_direction
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.catalog import weights
from styleclip.weights.recognition import file_hash
from tests.helpers.direction_files import components, normal, write_comfy
from tests.helpers.hub_server import COMMITS, running_hub
from tests.helpers.support import failed
from tests.helpers.tiny import TINY, TINY_NUM_WS

pytestmark = pytest.mark.usefixtures("known_units")


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["direction", "import", *map(str, words)], prog_name="styleclip")


def done(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_one_direction(model: tuple[str, ...], models: Models) -> None:
    torch.save(normal(1, TINY.w_dim) / 9, "age.pt")
    path, head, row = done("age.pt", "--range", "-3,5", "--licence", "MIT", *model).splitlines()
    assert Path(path) == library_folder() / "age.safetensors" and head.split()[0] == "direction"
    assert row.split() == ["age", "w", "all", "-3", "to", "5", "1.25", "MIT"]
    found = styleclip.load_direction("age", models)
    assert isinstance(found, LatentDirection) and torch.equal(found.data, normal(1, TINY.w_dim) / 9)
    assert (found.unit, found.unit_of, found.range, found.licence) == (1.25, "clip", (-3.0, 5.0), "MIT")
    assert found.origin["source_file"] == "age.pt" and found.origin["file"] == "age.safetensors"


def test_a_pack_and_one_of_it(model: tuple[str, ...], models: Models) -> None:
    torch.save(components(5, TINY.w_dim, models.generator.w_avg), "ffhq_pca.pt")
    lines = done("ffhq_pca.pt", "--name", "pca", "--no-calibrate", *model).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*"01234"] and "not measured" in lines[2]
    step = components(5, TINY.w_dim)["comp"][3] * components(5, TINY.w_dim)["std"][3]
    found = styleclip.load_direction("pca:3", models)
    assert isinstance(found, LatentDirection) and torch.allclose(found.data, step, rtol=0, atol=1e-6)
    assert found.generator == models.generator_fingerprint and found.center is None
    done("ffhq_pca.pt", "--name", "coordinates", "--absolute", *model)
    words = ("ffhq_pca.pt", "--index", 3, "--layers", "1-2", "--absolute", "--name", "eyes", "--json", *model)
    [record] = json.loads(done(*words))["directions"]
    facts = {"name": "eyes", "space": "w+", "layers": "1-2", "absolute": True, "unit": 1.25}
    assert record.items() >= facts.items() and record["origin"]["name"] == "3"
    [kept] = read_latent_directions(library_folder() / "eyes.safetensors")
    assert kept.center is not None and torch.equal(kept.center, models.generator.w_avg.cpu())


def test_a_published_file_under_another_name(model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(normal(1, TINY.w_dim) / 9, "age.pt")
    digits = file_hash(Path("age.pt"), "git_sha1")[:8]
    entry = replace(weights()["e4e-age"], size=Path("age.pt").stat().st_size, git_sha1=digits)
    monkeypatch.setitem(weights(), "e4e-age", entry)
    path, _, row = done("age.pt", *model).splitlines()
    assert Path(path) == library_folder() / "e4e-age.safetensors"
    assert row.split()[:7] == ["e4e-age", "w", "all", "-5", "to", "5", "1.25"] and row.endswith(entry.licence)


def test_packs_on_the_hub(model: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [LatentDirection(Space.W, normal(1, TINY.w_dim) / 9, name) for name in ("age", "smile")]
    with running_hub(tmp_path, monkeypatch) as hub:
        hub.files = {f"me/faces/{path.name}": path.read_bytes() for path in write_pack(steps, Path("mine"))}
        assert [row.split()[0] for row in done("hf://me/faces", *model).splitlines()[2:]] == ["age", "smile"]
        done("hf://me/faces@v1:smile", "--name", "one", *model)
        failed(run("hf://me/faces@v1:age", "--offline", *model), 1, "age.safetensors@bbb", "downloads are off; allow")
        done("hf://me/faces:age", "--offline", *model)
    records = {each.name: each.origin for each in read_entries("faces", "one")}
    assert records["smile"]["commit"] == COMMITS["main"] and records["one"]["commit"] == COMMITS["v1"]


def read_entries(*names: str) -> list[LatentDirection]:
    return [each for name in names for each in read_latent_directions(library_folder() / f"{name}.safetensors")]


def test_a_pack_of_comfy(model: tuple[str, ...]) -> None:
    write_comfy(normal(2, TINY.w_dim), Path("a.safetensors"), "ganspace")
    lines = done("a.safetensors", *model).splitlines()
    assert lines[2].split()[:6] == ["component_01", "w", "all", "-3", "to", "3"]
    words = ("a.safetensors:component_00", "--name", "first", *model)
    assert len(done(*words).splitlines()) == 3
    failed(
        run(*words, "--index", 1, "--overwrite"),
        2,
        "a.safetensors:component_00 names component_00 already; leave --index out",
    )


def test_a_folder(model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stit").mkdir()
    monkeypatch.chdir("stit")
    for name in ("age", "smile"):
        np.save(f"{name}.npy", normal(1, TINY.w_dim).numpy())
    lines = done(".", "--no-calibrate", *model).splitlines()
    assert lines[0].endswith("/stit.safetensors") and [line.split()[0] for line in lines[2:]] == ["age", "smile"]


def test_large_packs_get_units_later(model: tuple[str, ...]) -> None:
    np.save("all.npy", normal(20, TINY.w_dim).numpy())
    result = run("all.npy", *model)
    assert result.exit_code == 0 and "20 directions get no units now; --strength measures those" in result.stderr
    assert len(result.stdout.splitlines()) == 22


def test_a_row_for_each_w(model: tuple[str, ...]) -> None:
    np.save("pose.npy", normal(TINY_NUM_WS, TINY.w_dim).numpy())
    result = run("pose.npy", *model)
    assert "Warning: pose.npy: the table [6, 8] is read as one direction of W+" in result.stderr
    assert len(done("pose.npy", "--space", "w", "--name", "rows", *model).splitlines()) == 2 + TINY_NUM_WS


def test_an_entry_that_exists(model: tuple[str, ...]) -> None:
    torch.save(normal(1, TINY.w_dim), "age.pt")
    done("age.pt", *model)
    failed(run("age.pt", *model), 1, "the library has a direction age already; pass --overwrite or another --name")
    done("age.pt", "--overwrite", "--layers", "1", *model)
    [kept] = read_latent_directions(library_folder() / "age.safetensors")
    assert kept.space is Space.W_PLUS and kept.layers == "1"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["none.pt"], 1, "'none.pt' is neither a direction of the library nor a file nor a URL"),
        (["age.pt", "--range", "5,3"], 2, "'5,3' is not a range; write the lowest and the highest alpha like -3,5."),
        (["age.pt", "--range", "x"], 2, "x"),
        (["age.pt", "--layers", "6"], 2, "layers 6 are not among 0-5, which this generator has; pass some of them"),
        (["age.pt", "--space", "s"], 1, "age.pt: its table [1, 8] does not fit this generator, whose directions are s"),
        (["age.pt", "--index", "9"], 2, "age.pt has no direction '9'; pass one of age"),
        (["age.pt", "--name", "A b"], 2, "'A b' cannot be the name of a direction; call it 'a-b'"),
        (["empty"], 1, "empty: it is a folder with no file of directions; pass the file inside of it"),
    ],
)
def test_bad_usage(model: tuple[str, ...], words: list[str], code: int, sentence: str) -> None:
    torch.save(normal(1, TINY.w_dim), "age.pt")
    Path("empty").mkdir()
    failed(run(*words, *model), code, sentence)
    assert not library_folder().exists()


def test_the_direction_of_a_text(model: tuple[str, ...], models: Models) -> None:
    ones = torch.ones(models.generator.layout.size)
    red = StyleDirection(Prompt("red hair", "hair"), ones, 2 * ones, 3 * ones, 0.1, 2.0)
    save_style_direction(red, models, Path("red.safetensors"))
    assert done("red.safetensors", *model).splitlines()[-1].split()[:2] == ["red", "s"]
    assert isinstance(styleclip.load_direction("red", models), StyleDirection)
    failed(run("red.safetensors", "--name", "r", "--layers", 1, *model), 2, "is the direction of a text")
