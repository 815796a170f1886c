"""What a held-out evaluation cannot measure: it goes on without, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from styleclip.edit_source import EditSource
from styleclip.errors import UsageError
from styleclip.evaluate.held_out.editors import MeasuredEditor
from styleclip.evaluate.held_out.judges import Judges
from styleclip.evaluate.held_out.measurements import NOTHING
from styleclip.evaluate.held_out.report import load_held_out_report
from styleclip.evaluate.held_out.run import measure_edits
from styleclip.evaluate.held_out.saving import save_report
from styleclip.evaluate.held_out.table import report_table
from styleclip.evaluate.held_out.unedited import Unedited
from styleclip.evaluate.left_out import LeftOut
from styleclip.models import Models
from styleclip.prompts import Prompt
from tests.helpers.demo_edits import Refusing

HAT, OLD, BOTH = "a face wearing a hat", "an old face", "a young old face"


@pytest.fixture(autouse=True)
def drawn_before(unedited: Unedited, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples take seconds; and batches of four pictures."""
    monkeypatch.setattr("styleclip.evaluate.held_out.run.see_unedited", lambda *_: unedited)
    monkeypatch.setattr("styleclip.evaluate.held_out.evaluation.BATCH_PIXELS", 4 * 64**2)


def test_refused_prompts_are_left_out(models: Models, judges: Judges, source: EditSource, tmp_path: Path) -> None:
    """By an editor after its first batch, whose edits do not count then, and by all where the claims exclude each
    other."""
    editors = [MeasuredEditor("strict", Refusing((HAT,), after=1)), MeasuredEditor("willing", Refusing())]
    photos = [LeftOut("no face was found in lake.png; pass another", image="lake.png")]
    steps = list[tuple[int, int]]()
    report = measure_edits(
        *(models, judges, editors, [Prompt(HAT), Prompt(BOTH), Prompt(OLD)], [source], (1.0,)),
        left_out=photos,
        on_step=lambda step: steps.append((step.index, step.total)),
    )
    photo, hat, both = report.left_out
    assert photo == photos[0] and hat == LeftOut(f"{HAT!r} asks too much; ask for less", prompt=HAT, editor="strict")
    assert both.prompt == BOTH and not both.editor and "exclude each other" in both.why
    assert [each.prompt for each in report.prompts] == [HAT, OLD]
    edited = {editor: {each.prompt for each in report.rows(editor)} for editor in report.editors}
    assert edited["strict"] == {OLD} and edited["willing"] == edited[NOTHING] == {HAT, OLD}
    assert steps == [(index, 12) for index in (1, 2, 3, 4, 8, 9, 10, 11, 12)]

    sentences = [
        "left out lake.png: no face was found in lake.png; pass another",
        f"left out {HAT!r} by strict: {HAT!r} asks too much; ask for less",
        f"left out {BOTH!r}: {both.why}",
    ]
    assert report_table(report).splitlines()[-3:] == sentences
    page, record = save_report(report, tmp_path)
    assert load_held_out_report(record).left_out == report.left_out
    assert page.read_text().count("<p>left out ") == 3

    alone = measure_edits(models, judges, editors, [Prompt(OLD)], [source], (1.0,))
    sets = [{each.editor: each.measures for each in some.sets} for some in (report, alone)]
    assert sets[0]["strict"] == sets[1]["strict"] != sets[0]["willing"]


def test_an_editor_that_refuses_every_prompt(models: Models, judges: Judges, source: EditSource) -> None:
    editors = [MeasuredEditor("strict", Refusing((HAT, OLD)))]
    with pytest.raises(UsageError, match=f"^nothing is left to measure: {HAT!r} asks too much; ask for less$"):
        measure_edits(models, judges, editors, [Prompt(HAT)], [source], (1.0,))
    with pytest.raises(UsageError, match=f"of 2 left out the first is {HAT!r} by strict: {HAT!r} asks too much"):
        measure_edits(models, judges, editors, [Prompt(HAT), Prompt(OLD)], [source], (1.0,))
