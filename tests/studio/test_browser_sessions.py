"""In a browser: tabs, downloads, a phone, and a server that goes away and comes back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.studio_page import StudioPage, read_picture
from benchmarks.studio_server import StudioServer
from tests.studio.conftest import OpenStudio

RED, SMILE = "a face with red hair", "a smiling face"
PHONE = {"width": 390, "height": 844}


def edit(studio: StudioPage, seed: int, prompt: str, strength: float) -> str:
    """Choose a face and move one slider; the id of its row."""
    studio.type_seed(seed)
    row = studio.add_row(prompt)
    studio.type_strength(row, strength)
    return row


def test_a_downloaded_png_restores_the_session_on_a_fresh_page(open_studio: OpenStudio, tmp_path: Path) -> None:
    first, path = open_studio(), tmp_path / "edit.png"
    edit(first, 5, RED, 0.7)
    first.find("export-menu").click()
    with first.page.expect_download() as download:
        first.find("export-png").click()
    download.value.save_as(path)
    np.testing.assert_array_equal(read_picture(path.read_bytes()), first.pixels())
    second = open_studio()
    assert second.state()["rows"] == []
    second.drop(path)
    second.find("restore-session").click()
    second.wait("window.studio.state().rows.length")
    second.settle()
    assert second.state() == first.state()
    np.testing.assert_array_equal(second.pixels(), first.pixels())


def test_tabs_of_one_browser_do_not_mix(open_studio: OpenStudio) -> None:
    first = open_studio()
    second = open_studio(first.page.context)
    edits = [(first, 5, RED, 0.9), (second, 9, SMILE, 0.6)]
    rows = [edit(*each) for each in edits]
    for fraction in (0.2, 0.7, 0.9):
        for (studio, *_), row in zip(edits, rows, strict=True):
            studio.drag(row, [0.5, fraction])
    for studio, seed, prompt, _ in edits:
        studio.settle()
        state = studio.state()
        assert (state["face"]["seed"], [row["prompt"] for row in state["rows"]]) == (seed, [prompt])
        np.testing.assert_array_equal(studio.pixels(), read_picture(studio.export("png")))


def test_a_copied_command_is_that_of_the_server(open_studio: OpenStudio) -> None:
    studio = open_studio()
    studio.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    edit(studio, 5, RED, 0.7)
    for what in ("command", "python"):
        studio.find("export-menu").click()
        studio.find(f"copy-{what}").click()
        text = json.loads(studio.export(what))["text"]
        assert RED in text
        studio.wait(f"await navigator.clipboard.readText() === {json.dumps(text)}")
        studio.page.keyboard.press("Escape")


def test_a_phone_shows_all_of_an_edit(open_studio: OpenStudio) -> None:
    studio = open_studio(viewport=PHONE, has_touch=True)
    row = edit(studio, 5, RED, 0.7)
    assert studio.page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    for part in (studio.find("canvas"), studio.find("prompt-input"), studio.row(row, "row-strength")):
        part.scroll_into_view_if_needed()
        box = part.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] and box["width"] > 120


def test_a_stored_state_of_other_types_leaves_a_page_that_works(open_studio: OpenStudio) -> None:
    rows = [
        {"id": 7, "kind": "text", "strength": "big", "neutral": "a face", "prompt": 5},
        {"id": "a b", "kind": "?"},
        3,
    ]
    state = {"version": 1, "face": {"seed": -1, "psi": {}}, "rows": rows, "strokes": [{"points": "x"}]}
    first = open_studio()
    first.page.goto(f"{first.url}healthz")  # not the page, which would write its own state when it is left
    kept = json.dumps({"state": json.dumps(state), "fragment": ""})
    first.page.evaluate("text => localStorage.setItem('styleclip-studio', text)", kept)
    second = open_studio(first.page.context)
    assert [row["kind"] for row in second.state()["rows"]] == ["text", "?"]
    number, unknown = second.page.get_by_test_id("row-error").all_inner_texts()
    assert "'5'" in number and "'?'" in unknown
    second.type_strength(second.add_row(RED), 0.5)
    assert [reads(second, {**state, "model": "\u20ac" * count}) for count in (300_000, 400_000)] == [True, False]
    first.errors.clear()  # there is no icon for /healthz


def reads(studio: StudioPage, state: dict[str, object]) -> bool:
    """Whether the page takes a state; one that is longer than a message may be would be sent for ever."""
    script = "async text => (await import('./static/js/read_state.js')).readState(text) !== null"
    return bool(studio.page.evaluate(script, json.dumps(state)))


def test_the_page_goes_on_after_the_server_came_back(open_studio: OpenStudio, studio_server: StudioServer) -> None:
    studio = open_studio()
    row = edit(studio, 5, RED, 0.7)
    edited = studio.pixels()
    studio_server.kill()
    studio.wait("!window.studio.settled()")
    studio.find("undo").click()
    studio_server.start()
    studio.settle()
    studio.find("redo").click()
    studio.settle()
    np.testing.assert_array_equal(studio.pixels(), edited)
    studio.drag(row, [0.5, 0.8])
    studio.settle()
    np.testing.assert_array_equal(studio.pixels(), read_picture(studio.export("png")))
    studio.errors[:] = [error for error in studio.errors if "WebSocket" not in error and "ERR_CONNECTION" not in error]
