"""The files of sketches: SVG, PNG, the drawing stroke by stroke, the ladder of abstraction, a sketch along a slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from styleclip.canvases.result import CanvasResult
from styleclip.canvases.sketching.morph import morph_frames, morph_svg
from styleclip.canvases.sketching.search import Sketch
from styleclip.canvases.sketching.settings import METHOD, UNITS
from styleclip.canvases.strokes.animation import gif_bytes, stroke_frames
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.canvases.strokes.svg import drawing_svg, svg
from styleclip.images import enlarge_to, fit_to, to_pil
from styleclip.sheets import labelled_sheet, rows_of_faces, stack_sheets

SIZE = (UNITS, UNITS)  # of the SVG
PICTURE_PX, GIF_PX, SHEET_PX = 512, 256, 128
GIF_FRAMES = 48


def sketch_result(found: Sketch, provenance: Mapping[str, Any]) -> CanvasResult:
    """One sketch: sketch.svg, sketch.png, animation.svg and animation.gif stroke by stroke, comparison.png."""
    pictures = {"sketch.png": draw(found.strokes, PICTURE_PX), "comparison.png": _comparison([found], ["sketch"])}
    documents = {"sketch.svg": svg(found.strokes, SIZE).encode(), **animation_documents(found.strokes)}
    return _result([found], pictures, documents, provenance)


def ladder_result(rungs: Sequence[Sketch], provenance: Mapping[str, Any]) -> CanvasResult:
    """Sketches of one picture with different numbers of strokes: sketch_N.svg and .png, and all as ladder.png.

    sketch.svg, sketch.png and the animation are of most strokes.
    """
    pictures, documents = {}, {}
    for each in rungs:
        count = len(each.strokes)
        pictures[f"sketch_{count}.png"] = draw(each.strokes, PICTURE_PX)
        documents[f"sketch_{count}.svg"] = svg(each.strokes, SIZE).encode()
    finest = max(rungs, key=lambda each: len(each.strokes))
    pictures["sketch.png"] = pictures[f"sketch_{len(finest.strokes)}.png"]
    pictures["ladder.png"] = _comparison(rungs, [f"{len(each.strokes)} strokes" for each in rungs])
    documents["sketch.svg"] = documents[f"sketch_{len(finest.strokes)}.svg"]
    result = _result(rungs, pictures, {**documents, **animation_documents(finest.strokes)}, provenance)
    return replace(result, settings={**result.settings, "strokes": [len(each.strokes) for each in rungs]})


def slider_result(
    found: Sequence[Sketch], labels: Sequence[str], provenance: Mapping[str, Any], about: Mapping[str, Any]
) -> CanvasResult:
    """Sketches along a slider: slider.svg and slider.gif move from the first to the last and back."""
    strokes = [each.strokes for each in found]
    tops = [enlarge_to(to_pil(each.picture)[0]) for each in found]
    sheet = labelled_sheet([tops, [draw(each, tops[0].width) for each in strokes]], labels[: len(found)])
    frames = [draw(each, GIF_PX) for each in morph_frames(strokes)]
    documents = {
        "sketch.svg": svg(strokes[-1], SIZE).encode(),
        "slider.svg": morph_svg(strokes, SIZE).encode(),
        "slider.gif": gif_bytes([*frames, *frames[-2:0:-1]]),
    }
    pictures = {"sketch.png": draw(strokes[-1], PICTURE_PX), "comparison.png": sheet}
    result = _result(found, pictures, documents, provenance)
    return replace(result, settings={**result.settings, **about})


def sketches_sheet(pictures: Sequence[Tensor], sketches: Sequence[Image.Image]) -> Image.Image:
    """Pictures [1, C, H, W] of several faces, and their sketches below them."""
    cells = [(fit_to(to_pil(each)[0], SHEET_PX), sketch) for each, sketch in zip(pictures, sketches, strict=False)]
    return stack_sheets(
        [
            labelled_sheet([[face for face, _ in row], [each.resize(face.size) for face, each in row]], cell=SHEET_PX)
            for row in rows_of_faces(cells)
        ]
    )


def animation_documents(strokes: Strokes) -> dict[str, bytes]:
    """The drawing stroke by stroke, as SVG and GIF."""
    frames = stroke_frames(strokes.scale(GIF_PX / UNITS), (GIF_PX, GIF_PX), most=GIF_FRAMES)
    return {
        "animation.svg": drawing_svg(strokes, SIZE).encode(),
        "animation.gif": gif_bytes(frames),
    }


@torch.no_grad()
def draw(strokes: Strokes, side: int) -> Image.Image:
    """A picture of `side` px of strokes on a canvas of 224 x 224."""
    return to_pil(rasterise(strokes.scale(side / UNITS), (side, side))[None])[0]


def _comparison(found: Sequence[Sketch], labels: Sequence[str]) -> Image.Image:
    picture = enlarge_to(to_pil(found[0].picture)[0])
    return labelled_sheet([[picture, *(draw(each.strokes, picture.width) for each in found)]], ["picture", *labels])


def _result(
    found: Sequence[Sketch],
    pictures: Mapping[str, Image.Image],
    documents: Mapping[str, bytes],
    provenance: Mapping[str, Any],
) -> CanvasResult:
    scores = [
        {"clip": round(each.similarity, 5), **_rounded(each.losses), "tries": [round(loss, 5) for loss in each.tries]}
        for each in found
    ]
    return CanvasResult(
        METHOD,
        vars(found[0].settings),
        pictures,
        documents,
        scores[0] if len(found) == 1 else {"sketches": scores},
        provenance,
        sum(each.seconds for each in found),
        sum(each.steps for each in found),
        any(each.interrupted for each in found),
        found[-1].stopped,
    )


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in values.items()}
