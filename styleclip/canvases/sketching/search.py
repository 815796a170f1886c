"""Sketch a picture by Bezier strokes that CLIP takes for it (CLIPasso)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from styleclip.canvases.augmentation import WHITE, center_on_square
from styleclip.canvases.loop import CanvasLoop, Run, Values
from styleclip.canvases.sketching.initialisation import draw_points, point_map, region_lines
from styleclip.canvases.sketching.losses import SketchLosses
from styleclip.canvases.sketching.settings import METHOD, UNITS, Sketching
from styleclip.canvases.sketching.subject import on_white
from styleclip.canvases.sketching.tracing import trace_strokes
from styleclip.canvases.strokes.canvas import StrokeCanvas
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes, black
from styleclip.images import from_pil, to_rgb
from styleclip.losses import similarity
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.runtime.gradients import with_gradients
from styleclip.settings import resolve
from styleclip.weights.clips import suited_settings

SEEDS_APART = 1000  # of two restarts, as published: 0, 1000, 2000
STILL, STILL_TWICE = 1e-5, 2  # change of the evaluated loss that counts as none, and how often in a row ends it
EVALUATE_EVERY = 10


@dataclass(frozen=True, eq=False)
class Sketch:
    """The strokes that were found for a picture.

    Args:
        strokes: on a canvas of 224 x 224.
        picture: what was sketched [1, 3, S, S] in [-1, 1], at the size that CLIP sees, on white.
        settings: with every value.
        losses: of the strokes in the whole view, "loss" among them.
        similarity: the cosine of CLIP's features of sketch and picture.
        tries: the lowest loss of every restart.
        steps: the steps of the restart that was kept.
        stopped: why it ended before its last step; "" where it did not.
        interrupted: whether Ctrl-C ended the work.
    """

    strokes: Strokes
    picture: Tensor
    settings: Sketching
    losses: Values
    similarity: float
    tries: tuple[float, ...]
    steps: int
    stopped: str
    interrupted: bool
    seconds: float


@with_gradients
def find_sketch(
    clip: CLIP,
    picture: Tensor | Image.Image,
    settings: Sketching,
    on_step: OnStep = ignore,
    region: Tensor | None = None,
    start: Strokes | None = None,
) -> Sketch:
    """Sketch one picture, [1, 1..4, H, W] in [-1, 1] or a picture of Pillow; one that is not square gets white sides.

    Args:
        clip: judges sketch and picture; its input is the canvas.
        picture: what is sketched.
        settings: those left open have the values that suit the CLIP.
        on_step: gets the steps of each restart, with `stage` "1 of 3" where there are several.
        region: where the picture is kept [G, G] in [0, 1]; elsewhere it is white. See `face_region`.
        start: strokes on a canvas of 224 x 224 to begin with, such as those of a picture that is nearly the same; then
            there are no restarts.

    Ctrl-C keeps the best strokes so far. Raises UsageError for a layer that this CLIP does not have.
    """
    began = time.perf_counter()
    settings = resolve(settings, suited_settings(clip, METHOD))
    whole = _on_canvas(picture, clip)
    shown = on_white(whole, region)
    form = shown if settings.goal == "picture" else line_drawing(whole, region)
    losses = SketchLosses(
        clip,
        form,
        shown,
        settings.layers,
        settings.lambda_semantic,
        settings.augmentations,
        settings.start_seed,
    )
    starts = [start] if start is not None else _starts(clip, whole, region, settings)
    found: list[tuple[Strokes, Run]] = []
    for number, each in enumerate(starts, start=1):
        stage = f"{number} of {len(starts)}" if len(starts) > 1 else ""
        try:
            found.append(_optimize(losses, settings, each, label_steps(on_step, stage)))
        except KeyboardInterrupt:
            if not found:
                raise
            found.append((found[-1][0], replace(found[-1][1], interrupted=True)))
        if found[-1][1].interrupted:
            break
    strokes, run = min(found, key=lambda pair: pair[1].values["loss"])
    return Sketch(
        strokes,
        shown,
        settings,
        run.values,
        _similarity(clip, strokes, shown),
        tuple(each.values["loss"] for _, each in found),
        run.steps,
        run.stopped,
        found[-1][1].interrupted,
        time.perf_counter() - began,
    )


@torch.no_grad()
def _similarity(clip: CLIP, strokes: Strokes, picture: Tensor) -> float:
    side = picture.shape[-1]
    drawn = rasterise(strokes.to(picture.device).scale(side / UNITS), (side, side))
    return similarity(*clip.encode_image(torch.cat([drawn[None], picture]))).item()


def line_drawing(picture: Tensor, region: Tensor | None) -> Tensor:
    """The thin lines of a picture [1, 3, S, S] within a region, in black on white, of its size."""
    lines = region_lines(picture, region)[None, None]
    ink = F.interpolate(lines, picture.shape[-2:], mode="area")
    return (1 - 2 * ink).expand(-1, 3, -1, -1)


def _on_canvas(picture: Tensor | Image.Image, clip: CLIP) -> Tensor:
    """The picture [1, 3, S, S] at the size of CLIP's input, on white where it is not square."""
    image = from_pil([picture]) if isinstance(picture, Image.Image) else to_rgb(picture)
    image = image.to(clip.mean.device).clamp(-1, 1)
    square, size = center_on_square(image, WHITE), clip.image_size
    if square.shape[-1] == size:
        return square
    return F.interpolate(square, (size, size), mode="bicubic", antialias=True).clamp(-1, 1)


def _starts(clip: CLIP, picture: Tensor, region: Tensor | None, settings: Sketching) -> list[Strokes]:
    """The first strokes of every restart."""
    generators = [
        torch.Generator().manual_seed(settings.start_seed + SEEDS_APART * i) for i in range(settings.restarts)
    ]
    if settings.start == "lines":
        lines = region_lines(picture, region)
        points = [trace_strokes(lines, settings.strokes, generator) for generator in generators]
    else:
        weights = point_map(clip, picture, region)
        points = [draw_points(weights, settings.strokes, generator) for generator in generators]
    return [black_strokes(each * UNITS, settings.width) for each in points]


def black_strokes(points: Tensor, width: float) -> Strokes:
    """Strokes of these control points [S, 4, 2], all of one width."""
    return Strokes(points, points.new_full((len(points),), width), black(len(points), points))


def _optimize(losses: SketchLosses, settings: Sketching, start: Strokes, on_step: OnStep) -> tuple[Strokes, Run]:
    """The best strokes of one restart."""
    side = losses.form.shape[-1]
    scale = side / UNITS
    canvas = StrokeCanvas(start.to(losses.form.device).scale(scale), (side, side))

    def evaluate() -> Values:
        terms = {name: term.item() for name, term in losses.of_whole(canvas()).items()}
        return {"loss": sum(terms.values()), **terms}

    loop = CanvasLoop(
        canvas,
        torch.optim.Adam(canvas.groups({"points": settings.lr * scale})),
        lambda i: losses.of_step(canvas(), i),
        settings.steps,
        evaluate=evaluate,
        evaluate_every=EVALUATE_EVERY,
        stop=StillLoss(),
        keep="best",
    )
    run = loop.run(on_step)
    if not run.values:  # ended before the first evaluation
        run = replace(run, values=torch.no_grad()(evaluate)())
    return canvas.strokes().detach().to("cpu").scale(1 / scale), run


class StillLoss:
    """Ends an optimization whose evaluated loss changed by at most 1e-5 twice in a row."""

    def __init__(self) -> None:
        self.before, self.still = float("inf"), 0

    def __call__(self, done: int, values: Values) -> str:
        self.still = self.still + 1 if abs(self.before - values["loss"]) <= STILL else 0
        self.before = values["loss"]
        return "the loss stands still" if self.still == STILL_TWICE else ""


def label_steps(on_step: OnStep, label: str) -> OnStep:
    """Steps whose stage begins with a label."""
    return lambda step: on_step(replace(step, stage=", ".join(filter(None, [label, step.stage]))))
