"""Edits and files with their strengths, as options hold them."""

from __future__ import annotations

from pathlib import Path

import pytest

from styleclip.settings import Strength
from styleclip.text.edits import EditText, parse_edit, parse_name

SYNTAX = '"TARGET [@ ALPHA]"'


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("an old face", EditText("an old face")),
        ("a face -> an old face", EditText("an old face", ("a face",))),
        ("a / b and/or c->d@auto", EditText("d", ("a", "b and/or c"), "auto")),
        ("a face @ home @ -2, 0.1", EditText("a face @ home", (), -2.0, 0.1)),
        ("me@home -> you @1,auto", EditText("you", ("me@home",), 1.0, "auto")),
        (" -> a @ 1", EditText("a", ("",), 1.0)),
        ("", EditText("")),
    ],
)
def test_an_edit(text: str, edit: EditText) -> None:
    assert parse_edit(text, SYNTAX) == edit


@pytest.mark.parametrize("number", [0.1 + 0.2, -1 / 3, 1e-7, 5e-324, 1.7976931348623157e308, -0.0, 2.0, 1e16])
def test_numbers_keep_their_bits(number: float) -> None:
    edit = parse_edit(f"a -> b @ {number!r}, {number!r}", SYNTAX)
    assert repr(edit.strength) == repr(edit.beta) == repr(number) and repr(parse_name(f"x @ {number!r}")[1]) == repr(
        number
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a -> b -> c @ 1", "is not an edit: it has -> more than once; write it like"),
        ("a face @ home", "behind the last @ stands its strength, a number; write it like"),
        ("a @ 1, 2, 3", "behind the last @"),
        ("a @", "behind the last @"),
        ("a @ nan", "behind the last @"),
    ],
)
def test_what_is_no_edit(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        parse_edit(text, SYNTAX)
    assert str(error.value).endswith(f"{SYNTAX}.")


def test_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("red @ home.safetensors", "age@3", "age @ 3"):
        (tmp_path / name).write_text("")
        assert parse_name(name) == (name, None), "a file of this name is there"
        assert parse_name(f"{name}@-2") == parse_name(f"{name} @ -2") == (name, -2.0)
    with pytest.raises(ValueError, match="'home' is not a number"):
        parse_name("beard @ home")
    for text in ("beard@nan", "beard@1e400", "beard @ inf"):
        with pytest.raises(ValueError, match="is not a number; write it like 4 or auto"):
            parse_name(text)


@pytest.mark.parametrize(
    ("text", "name", "strength"),
    [
        ("beard.safetensors", "beard.safetensors", None),
        ("me @ home.pt @ -0.5", "me @ home.pt", -0.5),
        ("me@home.pt", "me@home.pt", None),
        ("age@3", "age", 3.0),
        ("age @auto", "age", "auto"),
        ("faces:age@1e-3", "faces:age", 1e-3),
        ("https://me:pass@host/age.pt", "https://me:pass@host/age.pt", None),
        ("https://me:pass@host/age.pt@2", "https://me:pass@host/age.pt", 2.0),
        ("hf://me/faces/age.pt@1.0", "hf://me/faces/age.pt@1.0", None),  # a revision
        ("hf://me/faces/age.pt@1.0@3", "hf://me/faces/age.pt@1.0", 3.0),
        ("hf://me/faces:age@3", "hf://me/faces:age", 3.0),
        ("hf://me/faces/age.pt@1.0:age@3", "hf://me/faces/age.pt@1.0:age", 3.0),
        ("hf://me/faces/age.pt @ 3", "hf://me/faces/age.pt", 3.0),
    ],
)
def test_a_name_and_its_strength(text: str, name: str, strength: Strength | None) -> None:
    assert parse_name(text) == (name, strength)
