"""`evaluate.run` and `run_mappers`: which faces count, what methods get, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from styleclip import evaluate
from styleclip.demo.captions import other_states
from styleclip.demo.wordings import Wording, WordingSet
from styleclip.editor import Editor
from styleclip.errors import SpaceError, UsageError
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.demo_world.report import load_report
from styleclip.evaluate.demo_world.task import Portraits
from styleclip.evaluate.left_out import LeftOut
from styleclip.latents import Latent
from styleclip.methods.mapper import LatentMapper, TrainedMapper
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from tests.helpers.demo_edits import Nothing, Refusing, Scramble
from tests.helpers.mappers import random_mapper


def test_doing_nothing_is_never_hit_or_clean(models: Models) -> None:
    report = evaluate.run(models, Nothing(), range(8), ["a face wearing a hat", "a smiling face"])
    assert report.mean("hit") == report.mean("clean") == report.mean("flips") == 0
    assert report.mean("identity") == pytest.approx(1, abs=1e-3) and report.mean("clip_gain") == 0
    assert report.mean_rows()[1].means["clean"] >= 0.6


def test_changing_everything_flips(models: Models) -> None:
    report = evaluate.run(models, Scramble(), range(12), ["a face with freckles"])
    assert report.mean("flips") > 2 and report.mean("identity") < 0.8 and report.mean("clean") < 0.1
    flipped = report.prompts[0].flipped
    assert sum(flipped.values()) == pytest.approx(report.mean("flips"), abs=1e-3) and "freckles" not in flipped


def test_faces_that_show_it_already_do_not_count(models: Models) -> None:
    prompts = ["a face with short hair", "a face with long hair"]
    one, other = evaluate.run(models, Nothing(), range(12), prompts).prompts
    assert 0 < one.faces < 12 and set(one.seeds).isdisjoint(other.seeds) and {*one.seeds, *other.seeds} <= {*range(12)}


def test_batches_change_nothing(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate.run(models, Scramble(), range(6), ["a face wearing a hat"])
    monkeypatch.setattr("styleclip.evaluate.demo_world.evaluation.BATCH", 2)
    oracle = evaluate.run(models, Nothing(), range(6), ["a face wearing a hat"]).prompts[0].oracle
    assert oracle["to_ideal"] == whole.prompts[0].oracle["to_ideal"] == [0] * whole.prompts[0].faces
    assert oracle["bg"] == pytest.approx(whole.prompts[0].oracle["bg"], abs=1e-3)


def test_steps_are_prompts(models: Models) -> None:
    seen = []
    prompts = ["a face wearing a hat", "an old face"]
    evaluate.run(models, Nothing(), range(4), prompts, lambda step: seen.append((step.index, step.total, *step.values)))
    assert seen == [(1, 2, "clean", "hit"), (2, 2, "clean", "hit")]


def test_prompts_that_nobody_lacks(models: Models, portraits: Portraits) -> None:
    hatless = portraits.seeds[portraits.verdict["hat"][:, 0] > 0.9][:1].tolist()
    with pytest.raises(UsageError, match="every face already shows 'a face without a hat'; pass more --seeds"):
        evaluate.run(models, Nothing(), hatless, ["a face without a hat"])
    report = evaluate.run(models, Nothing(), hatless, ["a face without a hat", "a face wearing a hat"])
    assert [score.faces for score in report.prompts] == [0, 1] and "| a face without a hat | 0 | - |" in report.table()


def test_a_prompt_that_the_method_refuses_is_left_out(models: Models, tmp_path: Path) -> None:
    hat, old = "a face wearing a hat", "an old face"
    why = f"{hat!r} asks too much; ask for less"
    report = evaluate.run(models, Refusing((hat,)), range(6), [hat, old])
    assert [score.prompt for score in report.prompts] == [old] and report.left_out == [LeftOut(why, prompt=hat)]
    assert report.table().splitlines()[-1] == f"left out {hat!r}: {why}"
    report.save(tmp_path)
    assert load_report(tmp_path / "report.json").left_out == report.left_out
    with pytest.raises(UsageError, match=f"^nothing is left to measure: of 2 left out the first is {hat!r}: {why}$"):
        evaluate.run(models, Refusing((hat, old)), range(6), [hat, old])


def test_a_prompt_the_judge_cannot_check_is_refused(models: Models) -> None:
    with pytest.raises(UsageError, match="judge cannot tell"):
        evaluate.run(models, Nothing(), range(2), ["a face"])


def test_a_mapper_without_a_text_is_refused(models: Models) -> None:
    with pytest.raises(UsageError, match="does not tell the text it was trained for"):
        evaluate.run_mappers(models, [LatentMapper(TrainedMapper(random_mapper()))], [0])


@dataclass(frozen=True)
class Listener(Nothing):
    """An editor that remembers its prompts."""

    name: ClassVar[str] = "listener"
    needs_neutral: bool = False
    relevance: str = "table"
    heard: list[Prompt] = field(default_factory=list)

    def settings(self, models: Models) -> dict[str, Any]:
        return {"relevance": self.relevance}

    def reads_claims(self, models: Models) -> bool:
        return self.relevance == "regression"

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        self.heard.append(prompt)
        return latent


@pytest.mark.parametrize(
    ("needs_neutral", "relevance", "alone"),
    [(False, "table", True), (True, "regression", True), (True, "table", False), (True, "auto", False)],
)
def test_methods_get_neutral_texts_only_where_they_need_them(
    models: Models, needs_neutral: bool, relevance: str, alone: bool
) -> None:
    """Also for wordings whose claims are not in the words of the demo world."""
    listener = Listener(needs_neutral, relevance)
    wording = Wording("grinning, in crimson", {"expression": 1, "shirt": 1})
    report = evaluate.run(models, listener, range(3), WordingSet("tuning", (wording,)))
    neutral = None if alone else other_states(wording.claims)
    assert listener.heard == [Prompt(wording.text, neutral, force=True)]
    assert report.wordings == "tuning" and report.prompts[0].claims == {"expression": "smiling", "shirt": "red"}


def test_the_oracle_edits_z(models: Models) -> None:
    with pytest.raises(SpaceError, match=r"the oracle edits z, got w\+"):
        Editor(models).edit(Editor(models).sample(seed=0), "a face wearing a hat", Oracle({"hat": 1}))


def test_another_generator_is_refused() -> None:
    from tests.helpers.tiny import tiny_models

    with pytest.raises(UsageError, match="does not draw the demo world"):
        evaluate.run(tiny_models(), Nothing(), range(2))
