"""The evaluation: what counts as success and as leakage, and its report."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from PIL import Image

import styleclip
from styleclip import evaluate
from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


@dataclass(frozen=True)
class Nothing:
    """An editor that leaves everything as it is."""

    name: ClassVar[str] = "nothing"

    def settings(self, models: Models) -> dict[str, Any]:
        return {}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        return latent


@dataclass(frozen=True)
class Scramble(Nothing):
    """An editor that turns everybody into the next person."""

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        return Latent(latent.space, latent.data.roll(1, 0))


@pytest.fixture(scope="module")
def models() -> Models:
    return styleclip.load("demo")


def test_doing_nothing_neither_succeeds_nor_leaks(models: Models) -> None:
    report = evaluate.run(models, Nothing(), range(8), prompts=["a face wearing a hat", "a smiling face"])
    assert report.mean("success") == report.mean("leakage") == 0
    assert report.mean("identity") == pytest.approx(1, abs=1e-3) and report.mean("clip_gain") == 0


def test_changing_everything_leaks(models: Models) -> None:
    report = evaluate.run(models, Scramble(), range(12), prompts=["a face with freckles"])
    assert report.mean("leakage") > 0.15 and report.mean("identity") < 0.8
    assert report.cells[0].leaks


def test_faces_that_show_it_already_do_not_count(models: Models) -> None:
    report = evaluate.run(models, Nothing(), range(12), prompts=["a face with short hair"])
    assert 0 < report.cells[0].faces < 12


def test_a_prompt_the_judge_cannot_check_is_refused(models: Models) -> None:
    with pytest.raises(UsageError, match="judge cannot tell"):
        evaluate.run(models, Nothing(), range(2), prompts=["a face"])


def test_what_is_hidden_is_not_leakage() -> None:
    eyes = torch.tensor([[1.0, 0, 0], [1.0, 0, 0]])
    plain, shaded = torch.tensor([[1.0, 0, 0]] * 2), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    before = {"eye_color": eyes, "eyewear": plain}
    after = {"eye_color": eyes.flip(1), "eyewear": shaded}
    changed, seen = evaluate._attribute_change(before, after, "eye_color")
    assert changed.all() and seen.tolist() == [True, False]


def test_a_slight_shift_is_not_a_change() -> None:
    before, after = ({"hat": torch.tensor([[p, 1 - p]])} for p in (0.6, 0.4))
    assert not evaluate._attribute_change(before, after, "hat")[0].any()


def test_the_built_in_prompts_can_be_judged() -> None:
    claims = [evaluate.claimed_states(target) for target in evaluate.PROMPTS]
    assert len(claims) >= 14 and all(len(claim) == 1 for claim in claims)


def test_the_report_is_a_table_json_and_a_picture(models: Models, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    prompts = ["a face wearing a hat", "an old face"]
    report = evaluate.run(models, Nothing(), range(4), prompts, lambda step: seen.append((step.index, step.total)))
    assert seen == [(1, 2), (2, 2)]
    assert report.table().count("\n") == 4 and "| an old face |" in report.table()
    assert json.loads(json.dumps(report.to_json()))["mean"]["success"] == 0
    assert report.save(tmp_path) == [tmp_path / "report.png", tmp_path / "report.json"]
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(report.to_json()))
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.width > 400
