"""The page of the studio in a browser, by the names that its elements have for tests (`data-testid`)."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.studio_server import CHROMIUM_ARGUMENTS, chromium_path

if TYPE_CHECKING:  # so that modules of tests are collected where there is no playwright
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

WAIT_MS = 15_000
# The page forbids eval, which wait_for_function needs, so the page asks itself.
WAIT = """(most) => new Promise((resolve, reject) => {
  const end = Date.now() + most;
  const check = async () => {
    if (CONDITION) resolve();
    else if (Date.now() > end) reject(new Error("timed out"));
    else setTimeout(check, 10);
  };
  check();
})"""
PIXELS = """() => {
  const picture = window.studio.picture();
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  context.drawImage(picture, 0, 0);
  const bytes = context.getImageData(0, 0, picture.width, picture.height).data;
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return [picture.height, picture.width, btoa(text)];
}"""
DROP = """(target, [content, name]) => {
  const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, {type: name.endsWith(".png") ? "image/png" : "image/jpeg"}));
  for (const type of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}));
}"""
AXES = (("x", "width"), ("y", "height"))


@dataclass
class StudioPage:
    """One tab; what the console and the page report as errors is kept in `errors`."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("console", self._keep_error)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _keep_error(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text} {message.location}")

    def open(self, fragment: str = "") -> None:
        self.page.goto(self.url + fragment)
        self.settle()

    def reload(self) -> None:
        self.page.reload()
        self.settle()

    def settle(self) -> None:
        """Wait for the picture at rest of the state that the page has now."""
        self.wait("window.studio?.settled()")

    def wait(self, condition: str) -> None:
        """Wait until an expression of JavaScript is true on the page."""
        self.page.evaluate(WAIT.replace("CONDITION", condition), WAIT_MS)

    def find(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.page.evaluate("() => JSON.parse(JSON.stringify(window.studio.state()))")
        return state

    def row_ids(self) -> list[str]:
        return [row["id"] for row in self.state()["rows"]]

    def row(self, name: str, part: str = "") -> Locator:
        """The row of this id, or a part of it by its name for tests."""
        row = self.page.locator(f'[data-testid="row"][data-id="{name}"]')
        return row.get_by_test_id(part) if part else row

    def add_row(self, prompt: str) -> str:
        """Type a prompt; the id of its row, once its direction is found."""
        before = set(self.row_ids())
        self.find("prompt-input").fill(prompt)
        self.find("prompt-input").press("Enter")
        (name,) = set(self.row_ids()) - before
        self.settle()
        return name

    def add_direction(self, words: str) -> str:
        """Choose the first direction of the library whose name has these words; the id of its row."""
        before = set(self.row_ids())
        self.find("directions").click()
        self.find("picker-filter").fill(words)
        self.find("picker-filter").press("Enter")
        (name,) = set(self.row_ids()) - before
        self.settle()
        return name

    def type_seed(self, seed: int) -> None:
        self.find("seed").fill(str(seed))
        self.find("seed").press("Enter")
        self.settle()

    def type_strength(self, name: str, value: object) -> None:
        number = self.row(name, "row-number")
        number.fill(str(value))
        number.press("Enter")
        self.settle()

    def drag(self, name: str, stops: Sequence[float], seconds: float = 0.0) -> None:
        """Move the slider of a row with the mouse through these fractions of its length, each for some seconds."""
        box = self.row(name, "row-strength").bounding_box()
        assert box
        points = [(box["x"] + stop * box["width"], box["y"] + box["height"] / 2) for stop in stops]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        started = time.perf_counter()
        for i, point in enumerate(points):
            time.sleep(max(0.0, started + i * seconds - time.perf_counter()))
            self.page.mouse.move(*point)
        self.page.mouse.up()

    def paint(self, points: Sequence[tuple[float, float]]) -> None:
        """Draw a stroke over the canvas with the mouse; points in units of its width and height."""
        box = self.find("canvas").bounding_box()
        assert box
        x, y = ([box[origin] + point[i] * box[side] for point in points] for i, (origin, side) in enumerate(AXES))
        self.page.mouse.move(x[0], y[0])
        self.page.mouse.down()
        for place in zip(x, y, strict=True):
            self.page.mouse.move(*place, steps=4)
        self.page.mouse.up()

    def drop(self, path: Path) -> None:
        """Drop a file on the page."""
        content = base64.b64encode(path.read_bytes()).decode()
        self.find("drop").evaluate(DROP, [content, path.name])

    def pixels(self) -> NDArray[np.uint8]:
        """The picture [H, W, 3] that the canvas shows, in its own size."""
        height, width, content = self.page.evaluate(PIXELS)
        return np.frombuffer(base64.b64decode(content), np.uint8).reshape(height, width, 4)[..., :3]

    def export(self, what: str, state: dict[str, Any] | None = None, **more: Any) -> bytes:
        """A file of this state from the server, in the session of this tab."""
        data = json.dumps({"state": state or self.state(), "what": what, **more})
        headers = {"Origin": "/".join(self.url.split("/")[:3]), "Content-Type": "application/json"}
        answer = self.page.request.post(f"{headers['Origin']}/api/export", data=data, headers=headers)
        assert answer.ok, answer.text()
        return answer.body()


def read_picture(content: bytes) -> NDArray[np.uint8]:
    """The pixels [H, W, 3] of a picture file."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@contextmanager
def open_browser() -> Iterator[Browser]:
    """The Chromium of this machine without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
