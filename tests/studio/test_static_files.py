"""The files of the page as they stand: they load nothing from elsewhere, name only each other, and stay readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import styleclip

STATIC = Path(styleclip.__file__).parent / "studio" / "static"
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
SHEETS = sorted(STATIC.glob("*.css"))
TEXTS = [STATIC / "index.html", *SCRIPTS, *SHEETS]
MOST_LINES = 250
IMPORT = re.compile(r"""^(?:import|export)\s(?:[^;"]*?\sfrom\s)?"([^"]+)";""", re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function|const) (\w+)", re.MULTILINE)
NAMED = re.compile(r'^(?:import|export) \{([^}]*)\} from "(\./[^"]+)";', re.MULTILINE)


def exports(script: Path) -> set[str]:
    passed_on = re.findall(r"^export \{([^}]*)\}", script.read_text(), re.MULTILINE)
    return {*EXPORT.findall(script.read_text()), *(name.strip() for names in passed_on for name in names.split(","))}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_imports_what_other_scripts_export(script: Path) -> None:
    text = script.read_text()
    assert all((script.parent / target).is_file() for target in IMPORT.findall(text))
    for names, target in NAMED.findall(text):
        wanted = {name.split(" as ")[0].strip() for name in names.split(",") if name.strip()}
        assert wanted <= exports(script.parent / target), target


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_a_file_of_the_page_loads_nothing_from_elsewhere_and_fits_in_250_lines(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|\beval\(|new Function", text)
    assert len(text.splitlines()) <= MOST_LINES


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)[^>]*>", page)
    linked = re.findall(r'(?:src|href)="static/([^"]+)"', page)
    assert linked and all((STATIC / name).is_file() for name in linked)


def test_every_colour_of_the_light_theme_has_one_in_the_dark_ones() -> None:
    sheet = (STATIC / "studio.css").read_text()
    light, system_dark, dark = re.findall(r":root[^{]*\{([^{}]*color-scheme[^{}]*)\}", sheet)
    names = set(re.findall(r"(--[\w-]+):", light)) - {"--radius", "--font"}
    assert set(re.findall(r"(--[\w-]+):", dark)) == set(re.findall(r"(--[\w-]+):", system_dark)) == names


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 2], ids=["light", "dark"])
def test_texts_stand_out_from_their_grounds_as_wcag_aa_asks(theme: int) -> None:
    sheet = (STATIC / "studio.css").read_text()
    rules = re.findall(r":root[^{]*\{([^{}]*color-scheme[^{}]*)\}", sheet)[theme]
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", rules))
    pairs = [
        (text, ground) for text in ("text", "muted", "accent", "danger", "warn") for ground in ("background", "surface")
    ]
    for text, ground in [*pairs, ("on-accent", "accent"), ("accent", "accent-soft")]:
        darker, lighter = sorted(luminance(colours[f"--{name}"]) for name in (text, ground))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, ground)


def test_the_library_comes_with_its_licences() -> None:
    licences = (STATIC / "vendor" / "LICENSES.txt").read_text()
    assert "Jason Miller" in licences and "The MIT License" in licences and "Apache License" in licences
