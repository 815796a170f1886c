"""Folder names, sheets and videos of a sweep."""

from __future__ import annotations

from dataclasses import replace

import torch

from styleclip.editor import Editor
from styleclip.latents import Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.settings import format_number
from styleclip.sweep_combinations import Combination, combination_names
from styleclip.sweep_sheets import SweepSummary, sweep_range, sweep_sheet
from styleclip.sweeps import sweep
from tests.helpers.sweeps import PROMPT, editor

__all__ = ["editor"]  # a fixture


def test_names_say_what_varies() -> None:
    assert combination_names(None, None) == {Combination(): ""}
    assert combination_names([4], [0.1]) == {Combination(4, 0.1): ""}
    names = {Combination(1, 0.1): "alpha_1", Combination("auto", 0.1): "alpha_auto"}
    assert combination_names([1, "auto"], [0.1]) == names
    assert [*combination_names([-4.5, 2], [0.1, 0.25]).values()] == [
        *("alpha_-4.5_beta_0.1", "alpha_2_beta_0.1"),
        *("alpha_-4.5_beta_0.25", "alpha_2_beta_0.25"),
    ]
    assert [format_number(value) for value in (4.0, 1e-7, 0.1234567, "auto")] == ["4", "1e-07", "0.1234567", "auto"]


def test_sheets_and_videos_of_a_sweep(editor: Editor) -> None:
    method = GlobalDirection(channels=9)
    strongest_first = sweep(editor, editor.sample(), [PROMPT], [-2, 1, 3], method=method)
    points = sorted(strongest_first, key=lambda point: [-2, 1, 3].index(point.alpha))
    summaries = [SweepSummary.of(editor, point) for point in points]
    [(label, (first, last))] = sweep_range(summaries).items()
    assert label.startswith("beta  0.") and label.endswith("\n9 channels")
    assert torch.equal(first.data, points[0].result.edited.data)
    assert torch.equal(last.data, points[2].result.edited.data)
    [(first, last)] = sweep_range(summaries[2:]).values()
    assert torch.equal(first.data, summaries[2].source.data) and torch.equal(last.data, points[2].result.edited.data)
    wide, narrow = (sweep_sheet(editor, some, ["seed 0"]) for some in (summaries, summaries[:1]))
    assert wide.size == narrow.size  # three strengths and the original: a single one is shown among others


def test_an_absolute_direction_is_shown_at_its_alpha_only(editor: Editor) -> None:
    w_dim = editor.models.generator.config.w_dim
    age = LatentDirection(Space.W, torch.ones(1, w_dim), "age", center=torch.zeros(w_dim))
    for direction, labels in ((age, ["alpha 2"]), (replace(age, center=None), ["alpha 1", "alpha 2", "alpha 3"])):
        [point] = sweep(editor, editor.sample(), [direction], [2])
        assert [view.alpha for view in SweepSummary.of(editor, point).views(editor)] == labels
