"""Labels in any script: a font that has the characters, or their codes and a warning."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from styleclip import label_fonts, sheets
from styleclip.evaluate.demo_world.plot import plot_rows
from styleclip.evaluate.demo_world.scores import Row
from styleclip.label_fonts import LabelWarning, dejavu_font, drawable_label, system_fonts
from styleclip.sheets import labelled_sheet

BOX = (20, 30, 128, 52)


@pytest.fixture(autouse=True)
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of all fonts of this computer, empty at first."""
    monkeypatch.setattr(label_fonts, "font_folders", lambda: [tmp_path])
    monkeypatch.setattr(label_fonts, "_useful", {})
    for cached in (label_fonts.system_fonts, label_fonts._best_font):
        cached.cache_clear()
    yield tmp_path
    for cached in (label_fonts.system_fonts, label_fonts._best_font):
        cached.cache_clear()


def write_font(path: Path, characters: str) -> Path:
    """A font whose glyphs are squares."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"glyph{i}" for i in range(len(characters)))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, characters), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def ink(text: str) -> np.ndarray:
    """Where a label is drawn in BOX on a sheet of 200 x 120 px."""
    sheet = Image.new("RGB", (200, 120), "white")
    sheets.draw_text(ImageDraw.Draw(sheet), text, BOX)
    return np.asarray(sheet)[:, :, 0] < 200


@pytest.mark.parametrize("text", ["red hair", "a\nb", "", "$\\frac{1}{2}$ {x}"])
def test_ascii_is_drawn_in_pillows_own_font(text: str) -> None:
    assert drawable_label(text) == (text, None)


@pytest.mark.parametrize(
    "text",
    ["größere Augen, łódź, Nguyễn", "πρόσωπο με μαλλιά", "лицо с рыжими волосами Ђћ", "שיער", "հայ", "😀 ❤", "“…”"],
)
def test_the_font_of_matplotlib_has_many_scripts(text: str) -> None:
    assert drawable_label(text) == (text, dejavu_font())
    assert ink(text).any()


def test_each_letter_has_a_picture_of_its_own() -> None:
    """No boxes, which all look alike."""
    letters = "aäßłőžđαβγδωбгджзийлфцшщъыэюяʻ"
    pictures = {np.packbits(ink(letter)).tobytes() for letter in letters}
    assert len(pictures) == len(letters)


def test_a_font_of_this_computer_has_the_rest(fonts: Path) -> None:
    (fonts / "deep").mkdir()
    write_font(fonts / "Little.ttf", "红")
    full = write_font(fonts / "deep" / "Sans.ttf", "红发 a")
    write_font(fonts / "Sans-Bold.ttf", "红发 a")
    assert drawable_label("红发 a") == ("红发 a", full)
    assert ink("红发").sum() > 300
    assert drawable_label("红") == ("红", full), "a font that was useful comes first"


def test_what_no_font_has_is_drawn_as_its_code_once_with_a_warning(fonts: Path) -> None:
    write_font(fonts / "Half.ttf", "红a")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            assert drawable_label("红发a") == ("红\\u53d1a", fonts / "Half.ttf")
            assert drawable_label("发发") == ("\\u53d1\\u53d1", None)
    assert [str(each.message) for each in caught] == [
        "no font here has all characters of a label (CJK), which shows their codes; install a font that has them, such "
        "as Noto Sans"
    ]
    with pytest.warns(LabelWarning, match=r"\(THAI, symbols\)"):
        drawable_label("ใบ 🦰")


@pytest.mark.parametrize("content", [b"", b"no font", b"\0\1\0\0" + bytes(200)])
def test_a_damaged_font_is_passed_over(fonts: Path, content: bytes) -> None:
    (fonts / "Aaa.ttf").write_bytes(content)
    (fonts / "Gone.ttf").symlink_to(fonts / "nowhere")
    good = write_font(fonts / "Good.ttf", "红")
    assert drawable_label("红").path == good


def test_few_fonts_are_looked_at(fonts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_fonts, "MAX_FONTS", 2)
    first = write_font(fonts / "zz.ttf", "红")
    for name in ("a-Bold.ttf", "a-Italic.otf", "a.txt"):
        shutil.copy(first, fonts / name)
    assert system_fonts() == (first, fonts / "a-Bold.ttf")


def test_without_matplotlibs_font_codes_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_fonts, "dejavu_font", lambda: None)
    with pytest.warns(LabelWarning, match="LATIN"):
        assert drawable_label("é") == ("\\xe9", None)


def test_control_characters_and_bytes_are_codes() -> None:
    assert drawable_label("caf\udce9\x1b[31m\u202eé\u2028") == ("caf\\udce9\\x1b[31m\\u202eé\\u2028", dejavu_font())
    assert drawable_label("❤\ufe0f a\ufe0e").text == "❤ a"


def test_right_to_left_without_a_layout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    drawable_label("שיער")
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    for text in ("שיער", "z\u0323\u0301"):
        with pytest.warns(LabelWarning, match="from right to left, or ones that combine.*; install FriBiDi"):
            drawable_label(text)
    drawable_label("e\u0301лицо")


@pytest.mark.parametrize(
    "text", ["x" * 500, "z" + "\u0301" * 200, "лицо " * 99, "\n" * 40, "é", "\U0001f600" * 40, "Ẫ\n" * 30]
)
def test_every_label_stays_in_its_box(text: str) -> None:
    drawn = ink(text)
    left, top, width, height = BOX
    drawn[top : top + height, left : left + width] = False
    assert not drawn.any()


def test_letters_and_accents_are_composed() -> None:
    assert drawable_label("e\u0301").text == "\xe9"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_font(fonts: Path) -> None:
    os.mkfifo(fonts / "Aaa.ttf")
    good = write_font(fonts / "Good.ttf", "红")
    assert drawable_label("红").path == good


def test_accents_stay_with_their_letters() -> None:
    assert sheets._clusters("e\u0301a\u200db") == ["e\u0301", "a\u200d", "b"]


def test_sheets_and_plots_take_any_text(tmp_path: Path) -> None:
    texts = ["$\\frac{$", "лицо", "\udce9\x1b", "a_b^{c}"]
    labelled_sheet([[Image.new("RGB", (64, 64))] * 4], texts, [texts[2]], 64)
    numbers: Any = {"clean": 0.5, "flips": 0.1, "bg": 1.0}
    rows = [Row(text, 3, numbers, numbers) for text in texts]
    plot_rows(rows, rows[:1], tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as plot:
        assert plot.width > 1000
