"""Answers and the report of composition."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import styleclip
from styleclip.cli import main
from styleclip.evaluate import load_report
from styleclip.evaluate.composition import CompositionReport, measure_composition
from styleclip.evaluate.composition.answers import answer, share
from styleclip.evaluate.composition.questions import Question, Shown
from tests.helpers.support import failed

PAIR = Question("swap", "hair, shirt", (Shown(0, ()), Shown(0, (("hat", 1),))), ("a", "b"))
ORDER = Question("order", "hair, shirt", (Shown(0, ()),), ("a", "b", "c"))
SEEDS = range(7000, 7008)


@pytest.fixture(scope="module")
def report() -> CompositionReport:
    """That of a CLIP which has no words for most negations."""
    return measure_composition(styleclip.load_clip("demo-judge-clip"), SEEDS)


def test_all_comparisons_of_a_pair() -> None:
    right = answer(PAIR, torch.tensor([[0.3, 0.2], [0.1, 0.4]]))
    assert (right.captions, right.pictures) == ((True, True), (True, True))
    one_text = answer(PAIR, torch.tensor([[0.3, 0.2], [0.5, 0.4]]))  # prefers the first caption for both pictures
    assert (one_text.captions, one_text.pictures) == ((True, False), (False, True))
    tied = answer(PAIR, torch.tensor([[0.3, 0.3], [0.3, 0.3]]))
    assert (tied.captions, tied.pictures) == ((False, False), (False, False))
    shares = share("swap", [right, one_text, tied])
    assert (shares.captions, shares.pictures, shares.both) == pytest.approx((0.5, 0.5, 1 / 3))
    assert shares.captions_error == pytest.approx(math.sqrt((0.25 + 0 + 0.25) / 3 / 3))


def test_an_order_has_no_picture_to_choose() -> None:
    shares = share("order", [answer(ORDER, torch.tensor([[0.3, 0.2, 0.1]])), answer(ORDER, torch.tensor([[0, 1, 0]]))])
    assert shares.captions == 0.5 and math.isnan(shares.pictures)


def test_what_a_clip_without_a_word_for_not_reads(report: CompositionReport) -> None:
    tasks = {each.name: each for each in report.tasks()}
    forms = {each.name: each for each in report.negations()}
    assert tasks["scope"].both > 0.9 and forms["without"].both > 0.8
    assert forms["not wearing"].both == 0 and "not" in report.unknown
    assert tasks["swap"].questions == len([each for each in report.answers if each.question.task == "swap"])


def test_the_report_is_a_table_and_files(report: CompositionReport, tmp_path: Path) -> None:
    lines = report.table().splitlines()
    assert len(lines) == 2 + 4 + 4 and lines[-1].startswith("| order |") and " - |" in lines[-1]
    assert [path.name for path in report.save(tmp_path)] == ["misread.png", "report.json"]
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["tasks"]["order"]["pictures"] is None and record["clip"] == "demo-judge-clip"
    assert record["negations"]["not wearing"]["both"] == 0 and record["seeds"] == list(SEEDS)
    with Image.open(tmp_path / "misread.png") as sheet:
        assert sheet.width > sheet.height / 3
    with pytest.raises(styleclip.StyleClipError, match=r"is not a report of `styleclip evaluate`"):
        load_report(tmp_path / "report.json")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    result = runner.invoke(main, ["evaluate", "--clip", "--seeds", "7000-7001", "--quiet"])
    assert result.exit_code == 0 and result.stdout.startswith("| task | questions |"), result.output
    assert (tmp_path / "styleclip-out/composition/report.json").is_file()
    failed(runner.invoke(main, ["evaluate", "--clip", "--editor", "optimize"]), 2, "--clip without a name measures")
    failed(runner.invoke(main, ["evaluate", "--clip", "nobody", "--out", "b"]), 1, "nobody")
