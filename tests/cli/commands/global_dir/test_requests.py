"""How strengths, edits and saved directions are written on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from styleclip.cli.commands.global_dir.requests import EditRequest, parse_direction, parse_edit
from styleclip.settings import format_number
from styleclip.text.parsing import parse_strengths


@pytest.mark.parametrize(
    ("text", "values"),
    [("4", (4.0,)), (" -4, 0 ,4", (-4.0, 0.0, 4.0)), ("auto", ("auto",)), ("1,auto,1", (1.0, "auto"))],
)
def test_strengths(text: str, values: tuple[object, ...]) -> None:
    assert parse_strengths(text) == values


def test_an_edit_in_one_line() -> None:
    assert parse_edit("face -> smiling face @ 3, 0.12") == EditRequest("smiling face", ("face",), "", 3.0, 0.12)
    assert parse_edit("a / b->c@auto") == EditRequest("c", ("a", "b"), "", "auto")
    assert parse_edit("a -> b") == EditRequest("b", ("a",))
    assert parse_edit("an old face") == EditRequest("an old face")
    assert parse_edit("a face @ home@-0.1") == EditRequest("a face @ home", alpha=-0.1)


@pytest.mark.parametrize("text", ["me/red @ home.safetensors @ -2", "me/red @ home.safetensors@-2"])
def test_a_direction_and_its_strength(text: str) -> None:
    request = parse_direction(text)
    assert request == EditRequest(direction="me/red @ home.safetensors", alpha=-2.0)
    assert request.name == "red @ home"


@pytest.mark.parametrize(("value", "text"), [(4.0, "4"), (-0.5, "-0.5"), (0.1234567, "0.1234567"), ("auto", "auto")])
def test_numbers_name_folders(value: Any, text: str) -> None:
    assert format_number(value) == text
