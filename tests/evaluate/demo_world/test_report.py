"""The report: its rows and means, and its files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from styleclip import evaluate
from styleclip.errors import UsageError
from styleclip.evaluate.demo_world.measures import COLUMNS
from styleclip.evaluate.demo_world.report import Report, load_report
from styleclip.evaluate.demo_world.scores import TABLE_FORMATS, PromptScore
from styleclip.evaluate.json_lists import lists_on_one_line
from styleclip.models import Models
from tests.helpers.demo_edits import Scramble

PROMPTS = ["a face wearing a hat", "an old face", "a smiling face with red hair"]


@pytest.fixture(scope="module")
def report(models: Models) -> Report:
    return evaluate.run(models, Scramble(), range(8), PROMPTS)


def score(prompt: str, clean: list[float], oracle: list[float], claims: int = 1) -> PromptScore:
    """A score of which all columns are the same."""
    columns = (dict.fromkeys(COLUMNS, values) for values in (clean, oracle))
    return PromptScore(prompt, {f"attribute {i}": "yes" for i in range(claims)}, range(len(clean)), *columns)


def made(*scores: PromptScore) -> Report:
    return Report("made", {}, "given", [0, 1, 2], {}, scores)


def test_every_edit_counts_once() -> None:
    report = made(score("often", [1, 1, 1], [1, 1, 1]), score("rare", [0], [1]), score("never", [], []))
    assert report.mean("clean") == 0.75 and report.mean_rows()[1].means["clean"] == 1
    assert [row.means["clean"] for row in report.prompt_rows()[:2]] == [1, 0]
    assert math.isnan(report.prompt_rows()[2].means["clean"])
    assert report.claims_rows() == []


def test_means_by_the_number_of_claims() -> None:
    report = made(score("one", [1, 0], [1, 1]), score("another", [1, 1], [0, 0]), score("two", [0], [1], claims=2))
    rows = report.claims_rows()
    assert [(row.label, row.faces, row.means["hit"]) for row in rows] == [("1 claim", 4, 0.75), ("2 claims", 1, 0)]


def test_the_table_ends_with_the_oracle(report: Report) -> None:
    lines = report.table().splitlines()
    assert lines[0] == "| prompt | faces | " + " | ".join(TABLE_FORMATS) + " |" and list(TABLE_FORMATS)[0] == "clean"
    labels = [line.split(" | ")[0] for line in lines[2:]]
    assert labels == [
        *(f"| {prompt}" for prompt in PROMPTS),
        "| **1 claim**",
        "| **2 claims**",
        "| **all edits**",
        "| **oracle**",
    ]


def test_files(report: Report, tmp_path: Path) -> None:
    assert report.save(tmp_path) == [tmp_path / name for name in ("report.png", "worst.png", "report.json")]
    for name in ("report.png", "worst.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 400 and picture.height > 200
    record = json.loads((tmp_path / "report.json").read_text())
    assert record == json.loads(json.dumps(report.to_json()))
    assert list(record)[-2:] == ["mean", "oracle"] and record["mean"]["clean"] == report.mean("clean")
    assert record["prompts"][0]["claims"] == {"hat": "yes"} and record["wordings"] == "given"
    edits = record["prompts"][2]["edits"]
    assert list(edits) == list(COLUMNS) and {len(values) for values in edits.values()} == {report.prompts[2].faces}


def test_a_report_is_read_back(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path)
    again = load_report(tmp_path / "report.json")
    assert again == report and again.table() == report.table()
    (tmp_path / "other.json").write_text('{"method": "optimize"}')
    with pytest.raises(UsageError, match="other.json is not a report"):
        load_report(tmp_path / "other.json")


def test_lists_of_numbers_are_one_line() -> None:
    value = {"seeds": [1, 2, 3], "edits": {"bg": [0.5, -1e-05]}, "names": ["a", "b"], "none": []}
    text = lists_on_one_line(json.dumps(value, indent=2))
    assert json.loads(text) == value and '"seeds": [ 1, 2, 3 ]' in text and len(text.splitlines()) == 11
