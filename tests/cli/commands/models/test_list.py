"""`styleclip models list`: the models and files, which of them are here, and what they look like as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from styleclip.weights.catalog import SHORT_LICENCES, catalog, short_licence, weight, weights
from tests.helpers.models_command import cells, done, run
from tests.helpers.support import failed, run_python

KINDS = ["generator", "encoder", "identity", "clip", "mapper", "latents", "relevance", "direction"]


def test_models_and_files_are_told_apart() -> None:
    models, files, legend = done("list").split("\n\n")
    assert models.startswith("Models, for `--model NAME`") and files.startswith(
        "Files, for `styleclip models pull NAME`"
    )
    shown = [line for line in models.splitlines()[2:] if line[:2].strip() or line[2] != " "]
    assert [line[2:].split()[0] for line in shown] == list(catalog()["models"])
    assert shown[0].startswith("* demo ") and shown[1].startswith("  ffhq ")
    rows = [line for line in files.splitlines()[2:] if line[2] != " "]
    assert [line[2:].split()[0] for line in rows] == list(weights()), "in the order of the catalog"
    here = [line[2:].split()[0] for line in rows if line.startswith("* ")]
    assert here == [name for name, each in weights().items() if each.ships]
    assert cells(files.splitlines()[1]) == ["NAME", "KIND", "PX", "SIZE", "LICENCE", "WHAT"]
    assert cells(next(line for line in rows if line[2:].startswith("e4e-ffhq "))) == [
        "e4e-ffhq", "encoder", "1024", "1.2 GB", "NVIDIA non-commercial", "e4e for FFHQ faces",
    ]  # fmt: skip
    assert legend.startswith("* is on this disk")


@pytest.mark.parametrize(("columns", "width"), [("80", 100), ("100", 100), ("120", 120), ("250", 120)])
def test_the_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = done("list").splitlines()
    assert width - 10 < max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_every_licence_has_a_short_form() -> None:
    tags = {entry.licence: short_licence(entry.licence) for entry in weights().values()}
    assert set(tags.values()) == set(SHORT_LICENCES.values())
    assert {tags[entry.licence] for entry in weights().values() if "NVIDIA" in entry.licence} == {
        "NVIDIA non-commercial"
    }
    assert [text for text, tag in tags.items() if "commercial" in text and "commercial" not in tag] == []


def test_one_kind() -> None:
    files, _ = done("list", "--kind", "clip").split("\n\n")
    named = [line.removeprefix("* ").split()[0] for line in files.splitlines()[2:]]
    assert named == [name for name, each in weights().items() if each.kind == "clip"]
    failed(run("list", "--kind", "model"), 2, f"no file is of the kind 'model'; choose one of {', '.join(KINDS)}")


def test_a_list_for_machines() -> None:
    found = json.loads(done("list", "--json"))
    assert [entry["name"] for entry in found["models"]] == list(catalog()["models"])
    assert [entry["present"] for entry in found["models"]][:2] == [True, False]
    assert [entry["name"] for entry in found["files"]] == list(weights())
    ffhq = found["files"][0]
    assert ffhq["licence"] == "NVIDIA Source Code License, non-commercial" and ffhq["present"] is False
    assert ffhq["path"] == str(weight("ffhq").path) and ffhq["urls"][0].endswith("/ffhq.pkl")
    one = json.loads(done("list", "--kind", "relevance", "--json"))
    assert one["models"] == [] and {entry["kind"] for entry in one["files"]} == {"relevance"}


def test_what_is_here_is_marked(cache: Path) -> None:
    for file in ("ffhq.pkl", "model_ir_se50.pth"):
        (cache / file).touch()
    marked = [line.split()[1] for line in done("list").splitlines() if line.startswith("* ") and "disk" not in line]
    ship = [name for name, each in weights().items() if each.ships and each.kind in ("clip", "mapper")]
    assert marked == ["demo", "ffhq", "ffhq", "demo", "demo-judge-identity", "arcface", *ship]


def test_listing_imports_nothing_heavy() -> None:
    script = "import sys; sys.argv[1:] = ['models', 'list']; from styleclip.cli import main\ntry: main()\nfinally: "
    result = run_python("-c", script + "print(*({'torch', 'numpy', 'requests'} & set(sys.modules)), 'nothing')")
    assert result.stdout.endswith("\nnothing\n"), result.stderr
