"""Sweeps: what a command does with lists of strengths and thresholds, from Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.directions import calibration
from styleclip.directions.loading import load_direction, save_direction
from styleclip.editor import Editor
from styleclip.errors import NumericError, UsageError
from styleclip.latents import Space
from styleclip.methods import auto_alpha
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step
from styleclip.prompts import Prompt
from styleclip.relevance_table import StyleStatistics
from styleclip.sweep_combinations import MAX_COMBINATIONS, combination_names
from styleclip.sweep_edits import Edit
from styleclip.sweeps import sweep
from tests.helpers.sweeps import PROMPT, editor

__all__ = ["editor"]  # a fixture
OLD = Prompt("old face")


def without_seconds(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "seconds": 0}


def test_a_sweep_is_single_edits(editor: Editor) -> None:
    latent = editor.sample(seeds=(2, 3))
    points = list(sweep(editor, latent, [PROMPT], [-3, 1.5], [0.05, "auto"]))
    assert {(point.alpha, point.beta) for point in points} == {(a, b) for a in (-3, 1.5) for b in (0.05, "auto")}
    for point in points:
        assert point.alpha is not None and point.beta is not None
        single = editor.edit(latent, PROMPT, GlobalDirection(alpha=point.alpha, beta=point.beta))
        assert torch.equal(point.result.edited.data, single.edited.data)
        assert torch.equal(point.result.after, single.after)
        assert without_seconds(point.result.record()) == without_seconds(single.record())


def test_the_strength_and_threshold_of_the_method_are_the_last_choice(editor: Editor) -> None:
    method = GlobalDirection(alpha=1.5, beta=0.05)
    edits = [PROMPT, Edit(PROMPT, beta=0.1)]
    [point] = sweep(editor, editor.sample(), edits, method=method)
    assert [each.alpha for each in point.directions] == [1.5, 1.5]
    assert [each.beta for each in point.directions] == [0.05, 0.1]
    [point] = sweep(editor, editor.sample(), edits, [2], [0.02], method=method)
    assert [each.alpha for each in point.directions] == [2, 2]
    assert [each.beta for each in point.directions] == [0.02, 0.1]


def test_the_strongest_is_first(editor: Editor) -> None:
    points = sweep(editor, editor.sample(), [PROMPT], [0, 1, -4, 2])
    assert [point.alpha for point in points] == [-4, 2, 1, 0]


def test_what_is_not_finite_comes_before_all_else(editor: Editor) -> None:
    table, size = editor.models.relevance(), editor.models.generator.layout.size
    assert table
    steep = replace(table, statistics=StyleStatistics(torch.zeros(size), torch.full((size,), 1e10)))
    editor = Editor(replace(editor.models, relevance=lambda: steep))
    with pytest.raises(NumericError, match="not finite"):
        next(sweep(editor, editor.sample(), [PROMPT], [1.0, 1e30]))


def test_relevance_is_measured_once_per_text(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, measure = [], GlobalDirection.measure

    def counted(self: GlobalDirection, models: Models, prompt: Prompt, on_step: OnStep) -> Any:
        texts.append(prompt)
        return measure(self, models, prompt, on_step)

    monkeypatch.setattr(GlobalDirection, "measure", counted)
    assert len(list(sweep(editor, editor.sample(), [PROMPT, OLD], [1, 2, 3], [0.01, 0.02]))) == 6
    assert texts == [PROMPT, OLD]


def test_edits_add_up_and_keep_their_own_strengths(editor: Editor, tmp_path: Path) -> None:
    """A saved direction and two texts, all found for the source; what an edit leaves open comes from the sweep."""
    found = GlobalDirection(alpha=0.5, beta=0.2).find(editor.models, OLD)
    file, latent = save_direction(found, editor.models, tmp_path / "old.safetensors"), editor.sample()
    edits = [Edit(file), Edit(PROMPT, alpha=2.0, beta=0.1), Edit(OLD)]
    [first, second] = sweep(editor, latent, edits, [3, 1], about={"source": {"seeds": [0]}})
    [again, _] = sweep(editor, latent, edits[::-1], [3, 1])
    assert torch.equal(first.result.edited.data, again.result.edited.data)
    red, old = (GlobalDirection(beta=beta).find(editor.models, text) for beta, text in ((0.1, PROMPT), ("auto", OLD)))
    for point, alpha in ((first, 3), (second, 1)):
        source = editor.models.generator.to_space(latent, Space.S)
        steps = (alpha * found.direction, 2.0 * red.direction, alpha * old.direction)
        for step, reached in zip(steps, point.result.steps, strict=True):
            source = source + step
            torch.testing.assert_close(reached.data, source.data, rtol=1e-6, atol=1e-6)
        assert torch.equal(point.result.steps[-1].data, point.result.edited.data)
        record = point.result.record()
        directions = record["provenance"]["directions"]
        assert record["method"] == "global-dir" and record["prompt"] == "old face + a face with red hair + old face"
        assert [each["alpha"] for each in directions] == [[alpha], [2], [alpha]]
        assert [each["relevance"]["source"] for each in directions] == ["file", "table", "table"]
        assert [each["beta"] for each in record["settings"]["edits"]] == [found.beta, 0.1, "auto"]
        assert [each["alpha"] for each in record["settings"]["edits"]] == [alpha, 2, alpha]
        assert record["provenance"]["source"] == {"seeds": [0]}
        assert point.amount == alpha


def test_auto_among_others_is_what_the_source_needs(editor: Editor) -> None:
    latent, method = editor.sample(seeds=range(3)), GlobalDirection(channels=20, reach=3.0, sure=0.4)
    needed = editor.edit(latent, PROMPT, replace(method, alpha="auto")).details[0]["alpha"]
    [point] = sweep(editor, latent, [Edit(OLD, 2.0), Edit(PROMPT, "auto")], method=method)
    assert point.result.details[1]["alpha"] == needed and len(set(needed)) > 1
    assert [each["alpha"] for each in point.result.settings["edits"]] == [2.0, "auto"]
    old, red = point.directions
    source = editor.models.generator.to_space(latent, Space.S).data
    expected = source + 2 * old.direction.data + torch.tensor(needed)[:, None] * red.direction.data
    torch.testing.assert_close(point.result.edited.data, expected, rtol=1e-5, atol=1e-5)


def test_equal_strengths_are_alphas_in_units(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text is calibrated once for every beta, a direction has its unit, and a number of its own stays."""
    units = iter([2.0, 5.0])
    monkeypatch.setattr(calibration, "calibrate", lambda *_: calibration.Calibration(next(units), "clip"))
    age = LatentDirection(Space.W, torch.ones(1, editor.models.generator.config.w_dim), "age", unit=0.1)
    edits = [PROMPT, age, Edit(OLD, 3.0, 0.1)]
    points = list(sweep(editor, editor.sample(), edits, betas=[0.05, 0.1], strengths=[0.3, -1]))
    assert [(point.strength, point.beta) for point in points] == [(-1, 0.05), (-1, 0.1), (0.3, 0.05), (0.3, 0.1)]
    for point, unit in zip(points, (2.0, 5.0, 2.0, 5.0), strict=True):
        assert point.strength is not None and point.amount == point.strength
        assert [each.alpha for each in point.directions] == [point.strength * unit, point.strength * 0.1, 3.0]
        told = point.result.settings["edits"]
        assert [each.get("strength") for each in told] == [point.strength, point.strength, None]
        assert [each.get("unit_of") for each in told] == ["clip", "identity", None] and told[0]["unit"] == unit
    assert [*combination_names(None, None, [0.5, 1.0]).values()] == ["strength_0.5", "strength_1"]


def test_a_direction_in_w_by_itself(editor: Editor) -> None:
    age = LatentDirection(Space.W, torch.ones(1, editor.models.generator.config.w_dim), "age", alpha=0.2)
    latent = editor.sample(seeds=(4, 5))
    for point, alpha in zip(sweep(editor, latent, [age], [0.5, -0.25]), (0.5, -0.25), strict=True):
        expected = editor.models.generator.to_space(latent + alpha * age, Space.S)
        torch.testing.assert_close(point.result.edited.data, expected.data, rtol=1e-5, atol=1e-5)
        assert point.result.settings["name"] == "age" and point.result.settings["alpha"] == alpha
        assert (point.result.prompt, point.result.method) == ("age", "global-dir")
    [point] = sweep(editor, latent, [age])
    assert point.result.details[0]["alpha"] == [0.2, 0.2]
    with pytest.raises(UsageError, match="only texts know alpha .auto.; write a number for 'age', like .NAME @ 1"):
        list(sweep(editor, latent, [age, PROMPT], ["auto"]))
    with pytest.raises(UsageError, match="'age' needs no text; pass it to edit_together as Slider"):
        editor.edit(latent, PROMPT, age)


def test_auto_gives_the_alphas_in_the_result(editor: Editor) -> None:
    latent = editor.sample(seeds=range(3))
    [point] = sweep(editor, latent, [PROMPT], ["auto"], method=GlobalDirection(channels=20, reach=3.0, sure=0.4))
    [details] = point.result.details
    [direction] = point.directions
    styles = editor.models.generator.to_space(latent, direction.direction.space)
    assert details["alpha"] == [round(alpha, 6) for alpha in direction.strengths(editor.models, styles).tolist()]
    assert len(details["alpha"]) == 3 and direction.alpha == "auto" and point.result.settings["alpha"] == "auto"
    single = editor.edit(latent, PROMPT, GlobalDirection(alpha="auto", channels=20, reach=3.0, sure=0.4))
    assert single.details == point.result.details and torch.equal(single.after, point.result.after)


def test_a_direction_found_before_is_an_edit(editor: Editor, tmp_path: Path) -> None:
    """By itself, in a sweep and from its file: the same latent, and the settings it was found with in the record."""
    latent, method = editor.sample(seeds=(4, 5)), GlobalDirection(alpha=2.5, channels=9)
    direction = method.find(editor.models, PROMPT)
    expected = editor.edit(latent, PROMPT, method)
    assert without_seconds(editor.edit(latent, PROMPT, direction).record()) == without_seconds(expected.record())
    [point] = sweep(editor, latent, [direction])
    assert torch.equal(point.result.after, expected.after) and point.result.settings == expected.settings
    read = load_direction(save_direction(direction, editor.models, tmp_path / "red.safetensors"), editor.models)
    again = editor.edit(latent, PROMPT, read)
    assert torch.equal(again.after, expected.after)
    assert (again.settings["beta"], again.settings["channels"], again.settings["alpha"]) == (read.beta, None, 2.5)


def test_progress_is_a_step_per_point(editor: Editor) -> None:
    steps: list[Step] = []
    list(sweep(editor, editor.sample(), [PROMPT], [1, 2, 3], on_step=steps.append))
    assert [(step.index, step.total, step.stage) for step in steps] == [
        (1, 3, "sweep"),
        (2, 3, "sweep"),
        (3, 3, "sweep"),
    ]


class CtrlC:
    """Stands for `auto_alpha.zero_shot_probability` and presses Ctrl-C when it is called for the n-th time."""

    def __init__(self, calls: int) -> None:
        self.left, self.real = calls, auto_alpha.zero_shot_probability

    def __call__(self, *arguments: Any) -> Any:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return self.real(*arguments)


def test_ctrl_c_keeps_the_best_of_a_single_point(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", CtrlC(3))
    [point] = sweep(editor, editor.sample(), [PROMPT], ["auto"], method=GlobalDirection(channels=9, sure=1.0))
    assert point.result.interrupted and not torch.equal(point.result.before, point.result.after)
    assert point.result.details[0]["alpha"] == [] and point.result.details[0]["target"] == PROMPT.target


def test_ctrl_c_in_one_of_several_points_leaves_those_before(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", CtrlC(2))
    points = sweep(editor, editor.sample(), [PROMPT], ["auto", 1, 2], method=GlobalDirection(channels=9))
    assert [next(points).alpha, next(points).alpha] == [2, 1]
    with pytest.raises(KeyboardInterrupt):
        next(points)


@pytest.mark.parametrize(
    ("edits", "alphas", "method", "reason"),
    [
        ([], [1], GlobalDirection(), "nothing to edit"),
        ([PROMPT], range(MAX_COMBINATIONS + 1), GlobalDirection(), f"at most {MAX_COMBINATIONS}"),
        ([Edit(Path("saved.safetensors"))], [1], GlobalDirection(channels=3), "leave out --channels"),
        ([PROMPT], [float("inf")], GlobalDirection(), "alpha is inf"),
        ([Edit(PROMPT, beta=-1)], [1], GlobalDirection(), "beta is -1"),
        (["an old face"], [1], GlobalDirection(), "not str; write a text as Prompt"),
    ],
    ids=["none", "many", "channels", "infinite", "negative", "text"],
)
def test_what_makes_no_sense(
    editor: Editor, edits: list[Any], alphas: list[Any], method: GlobalDirection, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        sweep(editor, editor.sample(), edits, alphas, method=method)


def test_a_direction_has_a_finite_strength(editor: Editor) -> None:
    direction = GlobalDirection(channels=4).find(editor.models, PROMPT)
    assert direction.at(2).settings(editor.models)["alpha"] == 2 and direction.alpha == 4.0
    with pytest.raises(UsageError, match="alpha is nan"):
        direction.at(float("nan"))
    assert replace(direction, alpha=3.0).at("auto").alpha == "auto"
