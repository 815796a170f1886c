"""The part of `python -m benchmarks studio` that drives Chromium."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext

from benchmarks.studio_client import PROMPTS, lag
from benchmarks.studio_page import StudioPage, open_browser, read_picture
from benchmarks.studio_server import StudioServer

ACTIONS = (*("slider",) * 4, "dice", "sample", "undo", "redo", "on", "add", "remove")
MOVE_SECONDS = 1 / 60  # between two moves of the mouse
SEED = 0
SIZE = {"width": 1280, "height": 720}  # px of the window
RESET_STATS = "() => Object.assign(window.studio.stats, {lags: [], frames: 0, oldest: 0})"
READ_STATS = "() => ({...window.studio.stats})"


def measure_drag(server: StudioServer, quick: bool) -> dict[str, Any]:
    """A slider dragged to and fro by the mouse; lag from the event of the mouse to the picture on the canvas."""
    moves = 120 if quick else 1200
    with open_browser() as browser:
        studio = StudioPage(browser.new_page(viewport=SIZE), server.url)
        studio.open()
        row = studio.add_row(PROMPTS[0])
        studio.drag(row, [0.5, 0.6, 0.7])
        studio.settle()
        studio.page.evaluate(RESET_STATS)
        started = time.perf_counter()
        studio.drag(row, [0.5 + 0.4 * math.sin(i / 20) for i in range(moves)], MOVE_SECONDS)
        taken = time.perf_counter() - started
        stats = studio.page.evaluate(READ_STATS)
        assert not studio.errors, studio.errors
    seconds = [value / 1000 for value in stats["lags"]]
    return {
        "name": "mouse in Chromium",
        "frames": stats["frames"],
        **lag(seconds, taken),
        "per_second": stats["frames"] / taken,
        "behind": stats["oldest"],
    }


def measure_tabs(server: StudioServer, tabs: int, clicks: int) -> dict[str, Any]:
    """Random clicks in several tabs in turn, two tabs of each session; every tab has to show its own state."""
    numbers = random.Random(SEED)
    with open_browser() as browser:
        contexts = [browser.new_context(viewport=SIZE) for _ in range(math.ceil(tabs / 2))]
        clickers = [Clicker(open_page(contexts[i // 2], server.url), numbers) for i in range(tabs)]
        started = time.perf_counter()
        for _ in range(clicks):
            for clicker in clickers:
                clicker.click()
        for clicker in clickers:
            clicker.studio.settle()
        taken = time.perf_counter() - started
        wrong = sum(shows_another_state(clicker.studio) for clicker in clickers)
        stats = [clicker.studio.page.evaluate(READ_STATS) for clicker in clickers]
        errors = [error for clicker in clickers for error in clicker.studio.errors]
        assert not errors, errors
    seconds = [value / 1000 for each in stats for value in each["lags"]]
    frames = sum(each["frames"] for each in stats)
    return {
        "name": f"{tabs} tabs, {clicks} clicks each",
        "frames": frames,
        **lag(seconds, taken),
        "per_second": frames / taken,
        "behind": max(each["oldest"] for each in stats),
        "wrong": wrong,
    }


def open_page(context: BrowserContext, url: str) -> StudioPage:
    studio = StudioPage(context.new_page(), url)
    studio.open()
    return studio


def shows_another_state(studio: StudioPage) -> bool:
    """Whether the canvas differs from the picture that the server exports for the state of the page."""
    return not (studio.pixels() == read_picture(studio.export("png"))).all()


@dataclass
class Clicker:
    """A user who clicks at random, also on what moves or is covered."""

    studio: StudioPage
    numbers: random.Random

    def click(self) -> None:
        """One action; without a row that it needs it adds one."""
        rows = self.studio.row_ids()
        action = self.numbers.choice(ACTIONS)
        if action in ("slider", "on", "remove") and not rows or action == "add" and len(rows) < 3:
            prompt = self.studio.find("prompt-input")
            prompt.fill(self.numbers.choice(PROMPTS))
            prompt.press("Enter")
        elif action == "slider":
            self.click_slider(self.numbers.choice(rows))
        elif action in ("on", "remove"):
            self.studio.row(self.numbers.choice(rows), f"row-{action}").click(force=True)
        elif action == "sample":
            samples = self.studio.find("strip").get_by_role("button")
            samples.nth(self.numbers.randrange(samples.count())).click(force=True)
        elif action in ("dice", "undo", "redo") and self.studio.find(action).is_enabled():
            self.studio.find(action).click(force=True)

    def click_slider(self, row: str) -> None:
        slider = self.studio.row(row, "row-strength")
        box = slider.bounding_box()
        assert box
        place = {"x": self.numbers.uniform(0.05, 0.95) * box["width"], "y": box["height"] / 2}
        slider.click(position=place, force=True)
