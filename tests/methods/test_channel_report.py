"""The report on a style direction: its channels, and sums per layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from styleclip.methods.channel_report import channel_report, plot_channels, report_title
from styleclip.methods.global_direction import GlobalDirection
from styleclip.prompts import Prompt
from tests.helpers.tiny import models_with_table

PROMPT = Prompt("a face with red hair", ("a face", "a face with hair"))


@pytest.mark.parametrize("channels", [1, 20])
def test_layers_sum_up_the_channels(channels: int, tmp_path: Path) -> None:
    models = models_with_table()
    direction = GlobalDirection(channels=channels).find(models, PROMPT)
    report = channel_report(direction, models.generator.layout)
    assert report["channels"] == direction.channel_table(models.generator.layout)
    assert [row["layer"] for row in report["layers"]] == [entry.name for entry in models.generator.layout.entries]
    for layer in report["layers"]:
        weights = [abs(row["weight"]) for row in report["channels"] if row["layer"] == layer["layer"]]
        assert layer["channels"] == len(weights) and layer["weight"] == pytest.approx(sum(weights))
    assert sum(layer["channels"] for layer in report["layers"]) == channels
    noun = "1 channel of" if channels == 1 else f"{channels} channels of"
    assert report_title(report).startswith(f"a face / a face with hair -> a face with red hair: {noun} relevance")
    plot_channels([report, report], tmp_path / "channels.png")
    with Image.open(tmp_path / "channels.png") as picture:
        assert picture.width == 1100 and picture.height > 400
