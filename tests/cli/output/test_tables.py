"""Plain text tables: aligned columns, numbers to the right, a last column that wraps."""

from __future__ import annotations

import pytest

from styleclip.cli.output.tables import table
from styleclip.text.units import human_bytes, number_of


def test_columns_are_aligned() -> None:
    assert table([("ok", "GPU", "none"), ("", "", "-> buy one")]) == ["ok  GPU  none", "         -> buy one"]


def test_numbers_stand_to_the_right() -> None:
    rows: list[list[object]] = [["layer", "channels"], ["b4.conv1", 7], ["b8", 1024]]
    assert table(rows, numbers=(1,)) == ["layer     channels", "b4.conv1         7", "b8            1024"]


def test_the_last_column_wraps_under_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = table([("name", "word " * 30), ("other", "")], wrap=True)
    assert len(lines) == 3 and max(map(len, lines)) <= 100
    assert lines[0].startswith("name   word") and lines[1].startswith("       word") and lines[2] == "other"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (3_670_000, "3.67 MB"), (1_201_649_680, "1.2 GB")]
)
def test_sizes_in_words(count: int, text: str) -> None:
    assert human_bytes(count) == text


def test_numbers_of_things() -> None:
    assert [number_of(count, "step") for count in (0, 1, 2, 2000)] == ["0 steps", "1 step", "2 steps", "2,000 steps"]
