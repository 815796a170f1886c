"""The sheet of the worst edits."""

from __future__ import annotations

import torch
from PIL import Image

from styleclip import evaluate
from styleclip.evaluate.demo_world.limits import Limits
from styleclip.evaluate.demo_world.measures import Measures
from styleclip.evaluate.demo_world.sheet import BLOCKS, CELL, WorstEdit, choose_worst, reasons, worst_sheet
from styleclip.models import Models
from styleclip.sheets import GAP, LABEL_HEIGHT
from tests.helpers.demo_edits import Scramble


def edit(prompt: str, to_ideal: float) -> WorstEdit:
    return WorstEdit(prompt, 0, ("flips: beard",), to_ideal, [Image.new("RGB", (64, 64))] * 3)


def test_twelve_at_most_two_a_prompt_the_farthest_first() -> None:
    edits = [edit(f"prompt {i % 8}", float(i)) for i in range(24)]
    chosen = choose_worst(edits)
    assert len(chosen) == 12 and [each.to_ideal for each in chosen] == list(range(23, 11, -1))
    assert len(choose_worst([edit("one", float(i)) for i in range(5)])) == 2


def test_twelve_rows_in_two_blocks() -> None:
    sheet = worst_sheet([edit(f"prompt {i}", 1.0) for i in range(12)])
    assert sheet.height == GAP + LABEL_HEIGHT + 12 // BLOCKS * (CELL + GAP)
    assert worst_sheet([edit("one", 1.0)]).height == GAP + LABEL_HEIGHT + CELL + GAP


def test_reasons() -> None:
    columns = {"bg": [7.0, 1.0], "halo": [9.0, 1.0], "gamut": [12.4, 0.0]}
    measures = Measures(
        {name: torch.tensor(values) for name, values in columns.items()},
        {"hair_color": torch.tensor([True, False])},
        {"hat": torch.tensor([True, True]), "beard": torch.tensor([True, False])},
    )
    limits = Limits(6.0, 4.0, 7.0, torch.zeros(64, 64))
    assert reasons(measures, 0, limits) == ("missed: hair color", "flips: hat, beard", "bg 7, halo 9, gamut 12")
    assert reasons(measures, 1, limits) == ("flips: hat",)


def test_the_worst_edits_of_a_report(models: Models) -> None:
    report = evaluate.run(models, Scramble(), range(6), ["a face wearing a hat", "an old face"])
    assert len(report.worst) == 4 and {each.prompt for each in report.worst} == {"a face wearing a hat", "an old face"}
    for each in report.worst:
        assert each.reasons and each.seed in range(6) and each.label.startswith(f'"{each.prompt}"\n')
        assert len(each.pictures) == 3
