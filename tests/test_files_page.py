"""The tables of docs/files.md are true: every file in them opens as the kind it says, or is refused by its sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.directions.importing import import_directions
from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.weights.catalog import checkpoint_path
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_own
from styleclip.weights.formats.registry import read_all
from styleclip.weights.load import load_generator
from tests.helpers.assert_refused import assert_is_a_sentence
from tests.helpers.direction_files import (
    CONFIG,
)
from tests.helpers.kinds_of_files import DIRECTIONS, LATENTS, NETWORKS, REFUSED, Write
from tests.helpers.support import ROOT
from tests.helpers.tiny import tiny_generator, tiny_models

PAGE = (ROOT / "docs" / "files.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by their first cell."""
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n| file |")[2].partition("\n\n")[0]
    lines = [re.split(r"(?<!\\)\|", line.strip("|")) for line in table.splitlines()[2:]]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def row(table: dict[str, list[str]], start: str) -> list[str]:
    [cells] = [cells for file, cells in table.items() if file.startswith(start)]
    return cells


@pytest.mark.parametrize(
    ("heading", "file", "write"),
    [("Networks and tables", *item) for item in NETWORKS.items()] + [("Latents", *item) for item in LATENTS.items()],
)
def test_each_opens_as_its_kind(tmp_path: Path, heading: str, file: str, write: Write) -> None:
    write(tmp_path / "file")
    kinds = [content.kind for content in read_all(tmp_path / "file")]
    assert row(rows(heading), file)[1] in kinds


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("file", "write"), DIRECTIONS.items(), ids=DIRECTIONS)
def test_each_is_read_as_directions(tmp_path: Path, models_of_16_px: Models, file: str, write: Write) -> None:
    write(tmp_path / "file")
    _, read_as, kind = row(rows("Directions"), file)
    if kind != "none":
        assert [content.kind for content in read_all(tmp_path / "file")] == [kind]
    directions = import_directions(tmp_path / "file", models_of_16_px)
    space = re.match(r"(one|several) in (W\+|W|S)", read_as)
    assert (space is None) == (file == "styleclip")
    if space:
        assert {each.space.value for each in directions} == {space[2].lower()} and (len(directions) > 1) == (
            space[1] == "several"
        )


@pytest.fixture(scope="module")
def models_of_16_px() -> Models:
    return tiny_models(generator=tiny_generator(CONFIG))


@pytest.mark.parametrize(("file", "write"), REFUSED.items(), ids=REFUSED)
def test_each_is_refused_by_its_sentence(tmp_path: Path, file: str, write: Write) -> None:
    write(tmp_path / "file")
    with pytest.raises(WeightError) as caught:
        describe(tmp_path / "file")
    assert row(rows("What is refused"), file)[0] in str(caught.value)
    assert_is_a_sentence(str(caught.value), tmp_path / "file")


def test_the_tables_hold_no_other_files() -> None:
    own = "styleclip: `mapper.safetensors`"  # tested by kind below
    for heading, written in (
        ("Networks and tables", [*NETWORKS, own]),
        ("Latents", LATENTS),
        ("Directions", DIRECTIONS),
        ("What is refused", REFUSED),
    ):
        files = list(rows(heading))
        assert files and [f for f in files if not any(f.startswith(start) for start in written)] == []


@pytest.mark.parametrize("kind", ["mapper", "relevance", "samples", "direction", "tuning", "stylenet"])
def test_our_own_files(tmp_path: Path, kind: Any) -> None:
    tensors = {"all.fc0.weight": torch.ones(8, 8)}
    [content] = read_all(save_own(kind, tensors, tmp_path / "file.safetensors"))
    assert content.kind == kind


def test_a_name_plays_no_part(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(checkpoint_path("demo/generator.safetensors").read_bytes())
    assert load_generator(tmp_path / "photo.jpg").resolution
