"""Take the pictures of docs/studio.md: python -m scripts.figures.studio"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from PIL import Image
from playwright.sync_api import Browser

from benchmarks.studio_page import StudioPage, open_browser
from benchmarks.studio_server import StudioServer
from styleclip.storage.files import atomic_path

SIZE = {"width": 1280, "height": 720}  # px of the window
PHONE = {"width": 390, "height": 844}
MAX_WIDTH = 900  # px of a picture
QUALITY = 88
PHOTO = Path("docs/photo.jpg")
TARGET = "a pencil sketch of a face"  # of the child


@click.command()
@click.option("--out", type=Path, default=Path("docs"))
def main(out: Path) -> None:
    """Draw studio.jpg, -photo.jpg, -dark.jpg, -phone.jpg, -directions.jpg and -child.jpg in the folder OUT."""
    with TemporaryDirectory() as home:
        environment = os.environ | {"STYLECLIP_HOME": home}
        fill_library(environment)
        adapt(environment)
        server = StudioServer(environment=environment)
        try:
            with open_browser() as browser:
                take_pictures(browser, server, out)
        finally:
            server.close()


def take_pictures(browser: Browser, server: StudioServer, out: Path) -> None:
    def take(name: str, work: Callable[[StudioPage], None], **options: Any) -> None:
        context = browser.new_context(**{"viewport": SIZE, "color_scheme": "light", **options})
        studio = StudioPage(context.new_page(), server.url)
        studio.open()
        work(studio)
        studio.settle()
        save(studio.page.screenshot(animations="disabled"), out / f"{name}.jpg")
        context.close()

    take("studio", edit)
    take("studio-photo", edit_photo)
    take("studio-dark", paint, color_scheme="dark")
    take("studio-directions", edit_by_directions)
    take("studio-child", draw_by_child)
    take("studio-phone", edit, viewport=PHONE, device_scale_factor=1.25, has_touch=True)


def edit(studio: StudioPage) -> None:
    """Rows on a face, and the divider in its middle."""
    studio.type_seed(2)
    studio.add_row("a face with red hair")
    studio.type_strength(studio.add_row("a smiling face"), 0.9)
    studio.add_row("a face with glasses")
    studio.find("divider").evaluate("input => { input.value = 50; input.dispatchEvent(new Event('input')); }")
    studio.page.evaluate("() => document.activeElement.blur()")


def fill_library(environment: Mapping[str, str]) -> None:
    """Fill the library with directions of SeFa and a boundary of scores; sheets go to the same folder."""
    for options in (
        ["sefa", "--layers", "0-3", "--count", "4", "--name", "shape"],
        ["sefa", "--layers", "8-11", "--count", "4", "--name", "colours"],
        ["interfacegan", "--prompt", "a face with glasses", "--name", "glasses"],
    ):
        command = [sys.executable, "-m", "styleclip", "direction", *options]
        subprocess.run(command, env=environment, cwd=environment["STYLECLIP_HOME"], check=True)


def edit_by_directions(studio: StudioPage) -> None:
    """Two directions of the library and a text."""
    studio.type_seed(3)
    studio.type_strength(studio.add_direction("colours 0"), 5)
    row = studio.add_direction("glasses")
    studio.row(row, "row-more").click()
    studio.type_strength(studio.add_row("an old face"), 0.5)
    studio.page.evaluate("() => document.activeElement.blur()")


def adapt(environment: Mapping[str, str]) -> None:
    """Put a child of the demo into the folder that the studio lists."""
    folder = Path(environment["STYLECLIP_HOME"], "children")
    folder.mkdir()
    words = [
        "--source",
        "a photo of a face",
        "--target",
        TARGET,
        "--out",
        str(folder / "pencil.safetensors"),
        "--quiet",
    ]
    command = [sys.executable, "-m", "styleclip", "adapt", *words]
    subprocess.run(command, env=environment, cwd=environment["STYLECLIP_HOME"], check=True)


def draw_by_child(studio: StudioPage) -> None:
    """A face by a child, beside the same by its parent."""
    studio.type_seed(3)
    studio.find("child").select_option(label="pencil")
    studio.add_row("a face with glasses")
    studio.find("amount").focus()
    for _ in range(4):
        studio.page.keyboard.press("ArrowLeft")
    studio.page.evaluate("() => document.activeElement.blur()")


def edit_photo(studio: StudioPage) -> None:
    """A face of a photo, pasted back."""
    studio.drop(PHOTO)
    studio.find("face-choice").nth(2).click()
    studio.wait("window.studio.state().face.photo?.face === 3")
    studio.settle()
    studio.add_row("a smiling face")
    studio.add_row("a face with blonde hair")
    drawn = studio.page.evaluate("() => window.studio.counter()")
    studio.page.get_by_role("button", name="Photo", exact=True).click()
    studio.wait(f"window.studio.counter() > {drawn} && window.studio.picture().width > 500")
    studio.page.evaluate("() => document.activeElement.blur()")


def paint(studio: StudioPage) -> None:
    """A region for the edit."""
    studio.type_seed(3)
    row = studio.add_row("a face with blue hair")
    studio.row(row, "row-more").click()
    studio.find("brush").click()
    studio.paint([(x / 20, 0.05 + 0.9 * (x % 2)) for x in range(11)])


def save(content: bytes, path: Path) -> None:
    """A screenshot as JPEG, at most MAX_WIDTH wide."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    picture.thumbnail((MAX_WIDTH, picture.height), Image.Resampling.LANCZOS)
    with atomic_path(path) as temporary:
        picture.save(temporary, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    click.echo(f"{path}: {picture.width} x {picture.height} px, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
