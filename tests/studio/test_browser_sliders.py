"""In a browser: a prompt becomes a slider, and the picture is that of the state."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.studio_page import StudioPage, read_picture
from styleclip.directions.library import library_folder
from styleclip.directions.own_files import save_latent_directions
from styleclip.models import Models
from styleclip.weights.catalog import home
from tests.helpers.children import save_grey_child
from tests.helpers.studio_directions import fill_library, planted_directions

TURN = {"kind": "direction", "name": "faces:turn", "on": True}
LISTED = ["alone", "bad\nnot readable", "other\nfor another generator", "turn\nMIT", "level"]
GREY = {"name": "grey", "sha256": "", "parent_layers": ""}
RED, SMILE = "a face with red hair", "a smiling face"


def picture_of(studio: StudioPage, **changes: object) -> NDArray[np.uint8]:
    """The picture that the server exports for the state of the page, with changes."""
    return read_picture(studio.export("png", {**studio.state(), **changes}))


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean over pixels and channels, of 255."""
    return float(np.abs(first.astype(int) - second).mean())


def test_a_dragged_slider_moves_the_picture_and_zero_restores_it(studio: StudioPage) -> None:
    source = studio.pixels()
    row = studio.add_row(RED)
    studio.drag(row, [0.5 + i / 100 for i in range(30)])
    studio.settle()
    assert studio.page.evaluate("() => window.studio.stats.oldest") <= 2, "a frame is older than the second last state"
    strength, edited = studio.state()["rows"][0]["strength"], studio.pixels()
    assert strength > 0.3 and difference(edited, source) > 2
    np.testing.assert_array_equal(edited, picture_of(studio))
    studio.row(row, "row-strength").dblclick()
    studio.settle()
    assert studio.state()["rows"][0]["strength"] == 0
    np.testing.assert_array_equal(studio.pixels(), source)


def test_two_rows_add_and_every_step_is_undone(studio: StudioPage) -> None:
    drawn = [studio.pixels()]
    for prompt in (RED, SMILE):
        studio.type_strength(studio.add_row(prompt), 0.8)
        drawn.append(studio.pixels())
    rows = studio.state()["rows"]
    np.testing.assert_array_equal(drawn[2], picture_of(studio, rows=rows[::-1]))
    assert difference(drawn[2], drawn[1]) > 1 and difference(drawn[2], picture_of(studio, rows=rows[1:])) > 1
    while studio.find("undo").is_enabled():
        studio.find("undo").click()
    studio.settle()
    assert studio.state()["rows"] == []
    np.testing.assert_array_equal(studio.pixels(), drawn[0])
    while studio.find("redo").is_enabled():
        studio.find("redo").click()
    studio.settle()
    assert studio.state()["rows"] == rows
    np.testing.assert_array_equal(studio.pixels(), drawn[2])


def test_a_row_is_switched_off_moved_and_removed(studio: StudioPage) -> None:
    source = studio.pixels()
    first, second = studio.add_row(RED), studio.add_row(SMILE)
    studio.row(second, "row-more").click()
    studio.row(second, "row-up").click()
    assert studio.row_ids() == [second, first]
    studio.type_strength(second, 0.5)
    studio.row(second, "row-relevance").select_option("table")
    studio.settle()
    assert studio.state()["rows"][0]["strength"] not in (None, 0.5), "strengths of a table have another unit"
    studio.row(first, "row-on").click()
    studio.row(second, "row-remove").click()
    studio.settle()
    assert [(row["id"], row["on"]) for row in studio.state()["rows"]] == [(first, False)]
    np.testing.assert_array_equal(studio.pixels(), source)


def test_a_whole_edit_by_keyboard(studio: StudioPage) -> None:
    """Tab reaches the prompt, the slider and undo; arrow keys move the slider."""
    source, keyboard = studio.pixels(), studio.page.keyboard
    press_until(studio, "Tab", "prompt-input")
    keyboard.type(RED)
    keyboard.press("Enter")
    studio.settle()
    press_until(studio, "Tab", "row-strength")
    keyboard.press("Home")
    for _ in range(3):
        keyboard.press("ArrowRight")
    studio.settle()
    np.testing.assert_array_equal(studio.pixels(), picture_of(studio))
    assert difference(studio.pixels(), source) > 1
    press_until(studio, "Tab", "row-number")
    keyboard.type("0")
    keyboard.press("Enter")
    studio.settle()
    np.testing.assert_array_equal(studio.pixels(), source)
    press_until(studio, "Shift+Tab", "undo")
    keyboard.press("Enter")
    studio.settle()
    assert studio.state()["rows"][0]["strength"] != 0


def press_until(studio: StudioPage, key: str, name: str, limit: int = 60) -> None:
    """Press a key until the element of this name has the focus."""
    for _ in range(limit):
        if studio.page.evaluate("() => document.activeElement?.dataset.testid") == name:
            return
        studio.page.keyboard.press(key)
    pytest.fail(f"{key} does not reach {name}")


def test_a_direction_of_the_library_becomes_a_row(studio: StudioPage, demo: Models, tmp_path: Path) -> None:
    """The list is that of now: the library was filled after the page had been opened."""
    fill_library(demo)
    try:
        studio.find("directions").click()
        studio.find("picker-filter").wait_for()
        assert studio.find("picker-choice").all_inner_texts() == LISTED
        studio.find("picker-choice").nth(2).click(force=True)  # of another generator
        studio.page.keyboard.press("Escape")
        assert studio.state()["rows"] == []
        row = studio.add_direction("faces tu")
        assert studio.state()["rows"][0] | {"id": ""} == {**TURN, "id": "", "strength": 0.7}
        assert studio.row(row, "row-measure").inner_text().split("\n") == ["1 unit", "MIT"]
        studio.drag(row, [0.5, 0.7, 0.9])
        studio.settle()
        assert studio.state()["rows"][0]["strength"] > 3, "the slider spans the range of the direction"
        np.testing.assert_array_equal(studio.pixels(), picture_of(studio))
        studio.drop(save_latent_directions(planted_directions(demo), tmp_path / "two.safetensors"))
        studio.find("picker-choice").nth(1).click()
        studio.settle()
        assert studio.state()["rows"][1]["key"] == "level"
    finally:
        shutil.rmtree(library_folder())


def test_the_amount_of_a_child_redraws_the_face(studio: StudioPage, demo: Models) -> None:
    """The child was put into its folder after the page had been opened."""
    assert not studio.find("child").count()
    folder = home() / "children"
    folder.mkdir()
    try:
        save_grey_child(folder / "grey.safetensors", demo)
        studio.reload()
        plain = studio.pixels()
        studio.find("child").select_option(label="grey")
        studio.settle()
        grey = studio.pixels()
        assert np.ptp(grey.astype(int), axis=2).mean() < 4 < np.ptp(plain.astype(int), axis=2).mean()
        studio.find("amount").focus()
        for _ in range(12):
            studio.page.keyboard.press("ArrowLeft")
        studio.settle()
        assert studio.state()["child"] | {"sha256": ""} == {**GREY, "amount": 0.4}
        np.testing.assert_array_equal(studio.pixels(), picture_of(studio))
        studio.wait("""document.querySelector('[data-testid="sample"] img').src.includes("&amount=0.4")""")
        studio.find("undo").click()
        studio.settle()
        np.testing.assert_array_equal(studio.pixels(), grey)
        studio.find("child").select_option(label="demo")
        studio.settle()
        np.testing.assert_array_equal(studio.pixels(), plain)
    finally:
        shutil.rmtree(folder)


def test_a_row_with_an_unknown_word_moves_the_face_when_it_is_forced(studio: StudioPage) -> None:
    good, wrong = studio.add_row(RED), studio.add_row("a face with qwrtz hair")
    assert "does not know 'qwrtz'" in studio.row(wrong, "row-error").inner_text()
    assert studio.row(good, "row-warning").count() == 0 == studio.row(good, "row-error").count()
    studio.row(wrong, "row-force").click()
    studio.settle()
    assert "does not know 'qwrtz'" in studio.row(wrong, "row-warning").inner_text()
    assert studio.row(wrong, "row-error").count() == 0 and studio.state()["rows"][1]["force"] is True


def test_a_fault_is_a_sentence_beside_its_row(studio: StudioPage) -> None:
    row = studio.add_row(RED)
    studio.type_strength(row, 0.8)
    edited = studio.pixels()
    wrong = studio.add_row("a red face " * 40)
    assert "shorten" in studio.row(wrong, "row-error").inner_text()
    assert studio.row(row, "row-error").count() == 0
    np.testing.assert_array_equal(studio.pixels(), edited)


def test_a_reload_restores_the_page(studio: StudioPage) -> None:
    studio.type_seed(7)
    studio.type_strength(studio.add_row(RED), 0.7)
    state, edited = studio.state(), studio.pixels()
    studio.reload()
    assert studio.state() == state and state["face"]["seed"] == 7
    np.testing.assert_array_equal(studio.pixels(), edited)
