"""`styleclip direction list`, `remove` and `pack`: tables, JSON, and that they load no models."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner, Result

from styleclip.cli import main
from styleclip.directions.library import entry_path, library_folder, library_names
from styleclip.directions.loading import add_to_library
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.weights.catalog import checkpoint_path, weight, weights
from styleclip.weights.own_headers import read_record
from tests.helpers.models_command import cells
from tests.helpers.support import failed, run_python

CODE = """
import sys
from styleclip.cli import main
for arguments in (["list"], ["remove", "age"]):
    try:
        main(["direction", *arguments])
    except SystemExit as end:
        print(end.code, "torch" in sys.modules)
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["direction", *map(str, arguments)], prog_name="styleclip")


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def library(models: Models) -> None:
    """Entries `age`, `pca`, a pack of 18, and a damaged one."""
    w_dim, num_ws = models.generator.config.w_dim, models.generator.num_ws
    demo = read_record(checkpoint_path("demo/samples.safetensors"), "samples", "")["generator"]
    age = LatentDirection(
        Space.W, torch.ones(1, w_dim), unit=1.2345, range=(-3, 4.5), generator=demo, licence="CC BY 4.0",
        origin={"source": "file", "source_file": "age.pt"},
    )  # fmt: skip
    rows = torch.ones(1, num_ws, w_dim)
    axes = [
        LatentDirection(
            Space.W_PLUS, rows, f"c{i}", center=torch.zeros(w_dim), layers="2-5", generator="ab" * 32,
            origin={"source": "GANSpace"},
        )
        for i in range(18)
    ]  # fmt: skip
    add_to_library([age], "age", models)
    add_to_library(axes, "pca", models)
    entry_path("broken").write_bytes(b"no safetensors")


def test_an_empty_library_still_shows_what_is_published() -> None:
    mine, published, legend = done("list").split("\n\n")
    assert mine == "Your library has no directions yet; make some with `styleclip direction sefa`, or import a file."
    rows = published.splitlines()[2:]
    assert [row.split()[0] for row in rows] == [each.name for each in weights().values() if each.kind == "direction"]
    assert cells(rows[0]) == ["e4e-age", "-5..5", "ffhq", "MIT, terms of generator", "age, of e4e"]
    assert "--strength 1" in legend


def test_the_table_of_the_library(library: None) -> None:
    mine, published, _ = done("list").split("\n\n")
    head, *rows = mine.splitlines()[1:]
    assert cells(head) == ["NAME", "SPACE", "LAYERS", "UNIT", "RANGE", "GENERATOR", "LICENCE", "SOURCE"]
    assert cells(rows[0]) == ["* age", "w", "all", "1.23", "-3..4.5", "demo", "CC BY 4.0", "age.pt"]
    first = next(row for row in rows if "pca:" in row)
    damaged = " ".join(" ".join(rows[1 : rows.index(first)]).split())
    assert damaged.startswith("broken it holds no direction that styleclip wrote; ")
    assert damaged.endswith("or remove it with `styleclip direction remove`")
    assert cells(first) == ["* pca:c0", "w+ abs", "2-5", "abababab", "GANSpace"]
    assert cells(rows[-1]) == ["...", "2 more in pca"] and sum("pca:" in row for row in rows) == 16
    path = weight("stit-yaw").path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    assert [line.split()[1] for line in done("list").splitlines() if line.startswith("* stit")] == ["stit-yaw"]


def test_the_list_for_machines(library: None) -> None:
    found = json.loads(done("list", "--json"))
    assert found["folder"] == str(library_folder())
    age, broken, *axes = found["library"]
    assert (age["name"], age["unit"], age["range"], age["generator"]) == ("age", 1.2345, [-3.0, 4.5], "demo")
    assert (age["space"], age["licence"], age["source"], age["problem"]) == ("w", "CC BY 4.0", "age.pt", "")
    assert broken["name"] == "broken" and broken["problem"].startswith(str(entry_path("broken")))
    assert [each["name"] for each in axes] == [f"pca:c{i}" for i in range(18)]
    assert axes[0]["absolute"] and axes[0]["fingerprint"] == "ab" * 32 and axes[0]["generator"] is None
    smile = next(each for each in found["catalog"] if each["name"] == "e4e-smile")
    assert (smile["present"], smile["generator"], smile["range"]) == (False, "ffhq", [-2.5, 2.5])


@pytest.mark.parametrize(
    "about",
    ['{"directions": [{"name": "\\u001b[31m", "space": 3, "unit": "x", "range": [1], "origin": 5}, 7]}', "[]", "{"]
    + ['{"directions": 5, "target": "a face", "unit": 1e999}', '{"directions": [{"name": 5, "range": [null, true]}]}'],
)
def test_changed_records_are_listed(about: str) -> None:
    from safetensors.torch import save_file

    library_folder().mkdir(parents=True)
    save_file({"x": torch.zeros(1)}, entry_path("odd"), {"styleclip": "direction", "about": about})
    assert "odd" in done("list") and "\x1b" not in done("list")
    json.loads(done("list", "--json"))


def test_removal(library: None) -> None:
    failed(run("remove", "age", "agge"), 1, "the library has no 'agge'; the closest directions are age")
    failed(run("remove", "age", "pca:c33"), 1, "pca has no direction 'c33'; the closest are c3, ")
    failed(run("remove", "age", "age:c3"), 1, "age has no direction 'c3'; the closest are age")
    assert library_names() == ["age", "broken", "pca"], "nothing is removed where one name is wrong"
    assert done("remove", "age", "broken", "pca:c3").splitlines() == ["removed age", "removed broken", "removed pca:c3"]
    assert library_names() == ["pca"] and "pca:c3 " not in done("list")
    assert json.loads(done("remove", "pca", "--json")) == {"removed": ["pca"], "files": [str(entry_path("pca"))]}
    failed(run("remove", "e4e-age"), 1, "e4e-age is in the catalog, not in the library; it is not on this disk either")
    failed(run("remove"), 2, "Missing argument 'NAME...'")


def test_a_pack(library: None) -> None:
    assert done("pack", "age", "pca:c0", "--out", "pack").splitlines() == [
        "pack/age.safetensors", "pack/c0.safetensors", "pack/index.json",
    ]  # fmt: skip
    told = json.loads(done("pack", "pack:age", "pca", "--out", "all.safetensors", "--json"))
    assert told["files"] == ["all.safetensors"] and told["directions"] == ["age", *(f"c{i}" for i in range(18))]
    failed(run("pack", "age", "--out", "pack"), 1, "pack already holds results (age.safetensors); pass --overwrite")
    done("pack", "age", "--out", "pack", "--overwrite")
    failed(run("pack", "e4e-age", "--out", "x"), 1, "e4e-age is not on this disk; run `styleclip models pull e4e-age`")


def test_they_import_no_torch(library: None) -> None:
    lines = run_python("-c", CODE).stdout.splitlines()
    assert lines[-2:] == ["removed age", "0 False"] and "0 False" in lines[:-2]
