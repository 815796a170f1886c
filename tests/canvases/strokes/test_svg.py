"""SVG of strokes: its words, and the picture that a browser makes of it."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from styleclip.canvases.strokes.animation import first_strokes, stroke_frames
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.canvases.strokes.svg import drawing_svg, path_lengths, svg
from styleclip.images import from_pil, to_pil
from tests.helpers.strokes import random_strokes, straight

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE = (96, 128)
TAG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of Chromium, of the size of the drawing."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from benchmarks.studio_page import open_browser
    from benchmarks.studio_server import chromium_path

    if not chromium_path():
        pytest.skip("there is no chromium on this machine")
    with open_browser() as browser:
        yield browser.new_page(viewport={"width": SIZE[1], "height": SIZE[0]})


def screenshot(page: Page, document: str) -> torch.Tensor:
    """[3, H, W] in [-1, 1]."""
    page.set_content(f'<body style="margin:0">{document}</body>')
    return from_pil([Image.open(BytesIO(page.screenshot()))])[0]


@pytest.mark.parametrize(("width", "segments"), [(0.6, 1), (1.5, 1), (4.0, 3)])
def test_chromium_draws_the_same(page: Page, width: float, segments: int) -> None:
    strokes = random_strokes(12, 96.0, seed=1, width=width, segments=segments)
    drawn = rasterise(strokes, SIZE).float()
    error = (screenshot(page, svg(strokes, SIZE)) - drawn).abs() * 127.5
    assert error.mean() < 2
    assert error[:, (drawn < 1).any(dim=0)].mean() < 6


def test_chromium_shows_the_background(page: Page) -> None:
    photo = from_pil([Image.linear_gradient("L").resize(SIZE[::-1]).convert("RGB")])[0]
    strokes = random_strokes(5, 96.0, seed=1)
    error = (screenshot(page, svg(strokes, SIZE, photo)) - rasterise(strokes, SIZE, photo.double())).abs() * 127.5
    assert error.mean() < 2


def test_the_document_has_a_path_for_each_stroke() -> None:
    colors = torch.tensor([[1.0, 0.5, 0.0, 1.0], [0.0, 0.0, 0.0, 0.25]])
    points = torch.arange(28.0).reshape(2, 7, 2)
    root = ET.fromstring(svg(Strokes(points, torch.tensor([1.5, 2.0]), colors, torch.tensor([2, 1])), (20, 30)))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("30", "20", "0 0 30 20")
    first, second = root.findall(f".//{TAG}path")
    assert first.attrib == {
        "d": "M 0 1 C 2 3, 4 5, 6 7 C 8 9, 10 11, 12 13",
        "stroke": "#ff8000",
        "stroke-width": "1.5",
    }
    assert second.get("d") == "M 14 15 C 16 17, 18 19, 20 21"
    assert second.get("stroke-opacity") == "0.25"
    group = root.find(f"{TAG}g")
    assert group is not None
    assert group.get("stroke-linecap") == group.get("stroke-linejoin") == "round"


def test_the_background_is_a_colour_or_a_picture() -> None:
    strokes = straight((2, 2), (9, 9))
    rect = ET.fromstring(svg(strokes, (12, 12), torch.tensor([1.0, -1.0, 0.0])[:, None, None])).find(f"{TAG}rect")
    assert rect is not None
    assert rect.get("fill") == "#ff0080"
    photo = torch.zeros(3, 12, 12)
    photo[0] = 1
    image = ET.fromstring(svg(strokes, (12, 12), photo)).find(f"{TAG}image")
    assert image is not None
    data = base64.b64decode(str(image.get("href")).removeprefix("data:image/png;base64,"))
    assert torch.equal(from_pil([Image.open(BytesIO(data))])[0], from_pil(to_pil(photo[None]))[0])


def test_strokes_draw_themselves_one_after_the_other() -> None:
    strokes = random_strokes(4, 40.0, seed=2)
    animations = ET.fromstring(drawing_svg(strokes, (40, 40), seconds=8)).findall(f".//{TAG}animate")
    begins = [float(str(each.get("begin")).rstrip("s")) for each in animations]
    durations = [float(str(each.get("dur")).rstrip("s")) for each in animations]
    assert begins == pytest.approx([sum(durations[:i]) for i in range(4)], abs=0.01)
    assert sum(durations) == pytest.approx(8, abs=0.01)
    lengths = path_lengths(strokes)
    assert durations[0] / durations[1] == pytest.approx(lengths[0] / lengths[1], rel=0.01)


def test_frames_go_from_the_empty_canvas_to_the_drawing() -> None:
    strokes = random_strokes(3, 40.0, seed=2, segments=2)
    frames = stroke_frames(strokes, (40, 40), most=12)
    assert len(frames) == 13
    assert frames[0].getextrema() == ((255, 255),) * 3
    assert frames[-1].tobytes() == to_pil(rasterise(strokes, (40, 40))[None])[0].tobytes()
    assert frames[4].tobytes() == to_pil(rasterise(strokes[:1], (40, 40))[None])[0].tobytes()
    assert len(stroke_frames(random_strokes(30, 40.0), (40, 40), most=10)) == 11


def test_a_part_of_a_stroke_is_a_part_of_its_curve() -> None:
    strokes = random_strokes(2, 40.0, seed=2, segments=2)
    half = first_strokes(strokes, 1.75)
    assert len(half) == 2 and half.segment_counts().tolist() == [2, 2]
    assert torch.equal(half.points[:, :4], strokes.points[:, :4])
    black_ink = replace(strokes, colors=torch.tensor([[0.0, 0, 0, 1]] * 2, dtype=torch.float64))
    part, whole = (rasterise(s, (40, 40)) for s in (first_strokes(black_ink, 1.75), black_ink))
    assert (part >= whole - 0.03).all() and part.sum() > whole.sum()
