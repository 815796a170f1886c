"""Progress bars: a bar for each stage, the time left, and the end of a command at Ctrl-C."""

from __future__ import annotations

import click
import pytest

from styleclip.cli.output.progress import EtaProgress, Progress, StageProgress, exit_on_interrupt
from styleclip.progress import Step


def test_every_stage_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Progress, "__call__", lambda self, step: shown.append(f"{self.label} {step.index}"))
    with StageProgress("me.jpg", quiet=True) as progress:
        for step in (Step(1, 2, stage="refine"), Step(2, 2, stage="refine"), Step(1, 9, stage="tune")):
            progress(step)
        progress.close()
        progress(Step(2, 9, stage="tune"))
    assert shown == ["me.jpg: refine 1", "me.jpg: refine 2", "me.jpg: tune 1", "me.jpg: tune 2"]


def test_the_time_left_is_that_of_the_step_where_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []
    monkeypatch.setattr(EtaProgress, "show_eta", lambda self, done, total, seconds, values: left.append(seconds))
    with EtaProgress("prepare", quiet=True) as bar:
        bar(Step(1, 10, {"seconds_left": 45.0}))
        assert bar.step == Step(1, 10, {"seconds_left": 45.0})
        bar(Step(10, 10))
    assert left == [45.0, 0.0]


def test_ctrl_c_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as caught, exit_on_interrupt("the same command goes on"):
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err == "Interrupted; the same command goes on\n"
