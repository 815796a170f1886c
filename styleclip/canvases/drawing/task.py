"""The optimization of a drawing: its start, CLIP's views of it, its losses and restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.alignment.photos import Photo
from styleclip.canvases.augmentation import WHITE, center_on_square
from styleclip.canvases.drawing.palette import group_colors, unite_colors
from styleclip.canvases.drawing.settings import UNIT_SIDE, Drawing
from styleclip.canvases.drawing.start import start_strokes
from styleclip.canvases.drawing.views import disturb, look, random_transforms
from styleclip.canvases.loop import CanvasLoop
from styleclip.canvases.strokes.canvas import StrokeCanvas
from styleclip.images import from_pil
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, Step

COMPARISON_VIEWS = 16  # by which drawings are compared, the same for all
EVALUATE_EVERY = 25  # steps


@dataclass(frozen=True)
class Attempt:
    """A drawing and its loss over the views by which drawings are compared."""

    canvas: StrokeCanvas
    loss: float
    restart: int
    steps: int


class DrawingTask:
    """What a drawing is to be, and the attempts at it.

    Args:
        clip: sees the drawing.
        texts: the prompt and the texts that it shall not show.
        settings: with no value left open.
        photo: the background.
    """

    def __init__(self, clip: CLIP, texts: Sequence[str], settings: Drawing, photo: Photo | None) -> None:
        self.clip, self.settings = clip, settings
        self.device = clip.mean.device
        self.texts = clip.encode_text(texts)  # [1 + negatives, D]
        self.weights = torch.tensor([-1.0] + [settings.negative_weight] * (len(texts) - 1), device=self.device)
        side = settings.size or clip.image_size
        self.size, self.paper = (side, side), None
        if photo is not None:
            width, height = (max(1, round(n * side / min(photo.image.size))) for n in photo.image.size)
            self.size = (height, width)
            self.paper = from_pil([photo.image.resize((width, height))])[0].to(self.device)
        self.comparison_views = random_transforms(
            settings, COMPARISON_VIEWS, torch.Generator().manual_seed(settings.seed)
        )
        self.attempts: list[Attempt] = []
        self.interrupted = False

    @property
    def steps(self) -> int:
        return sum(attempt.steps for attempt in self.attempts)

    def best_of_restarts(self, on_step: OnStep) -> Attempt:
        """The attempt with the lowest loss; Ctrl-C ends the attempts, where there is one."""
        for restart in range(self.settings.restarts):
            try:
                self.attempts.append(self._attempt(restart, on_step))
            except KeyboardInterrupt:
                if not self.attempts:
                    raise
                self.interrupted = True
            if self.interrupted:
                break
        return min(self.attempts, key=lambda attempt: attempt.loss)

    @torch.no_grad()
    def scores(self, attempt: Attempt) -> dict[str, object]:
        """What CLIP says of the drawing as it is, and the losses of the attempts."""
        features = self.clip.encode_image(center_on_square(attempt.canvas(), WHITE)[None])
        return {
            "clip": (features @ self.texts.T)[0, 0].item(),
            "loss": attempt.loss,
            "restart": attempt.restart,
            "losses": [each.loss for each in self.attempts],
        }

    def _attempt(self, restart: int, on_step: OnStep) -> Attempt:
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed + restart)
        start = start_strokes(settings, self.size, generator).to(self.device)
        canvas = StrokeCanvas(start, self.size, self.paper, settings.mirror)
        unit = min(self.size) / UNIT_SIDE
        groups = canvas.groups(
            {"points": settings.lr * unit, "widths": settings.lr_width * unit, "colors": settings.lr_color}
        )
        limits = _Limits(canvas, settings, unit)

        def report(step: Step) -> None:
            index, total = restart * settings.steps + step.index, settings.restarts * settings.steps
            on_step(Step(index, total, step.values))

        loop = CanvasLoop(
            canvas,
            torch.optim.Adam(groups),
            lambda i: self._terms(self._random_views(canvas(), generator)),
            settings.steps,
            schedules=(points_schedule, constant_schedule, constant_schedule),
            after_step=limits,
            evaluate=lambda: self._evaluate(canvas),
            evaluate_every=EVALUATE_EVERY,
            keep="best",
            remedy="use a smaller --lr",
        )
        run = loop.run(report)
        limits.unite()
        self.interrupted = run.interrupted
        return Attempt(canvas, self._evaluate(canvas)["loss"], restart, run.steps)

    def _random_views(self, picture: Tensor, generator: torch.Generator) -> Tensor:
        views = look(picture, random_transforms(self.settings, self.settings.views, generator))
        return disturb(views, self.settings, generator)

    def _terms(self, views: Tensor) -> dict[str, Tensor]:
        """The weighted mean cosines of views [V, 3, S, S] with the texts."""
        cosines = (self.clip.encode_image(views) @ self.texts.T).mean(dim=0) * self.weights
        return {"clip": cosines[0], **({"negatives": cosines[1:].sum()} if len(cosines) > 1 else {})}

    @torch.no_grad()
    def _evaluate(self, canvas: StrokeCanvas) -> dict[str, float]:
        terms = {name: term.item() for name, term in self._terms(look(canvas(), self.comparison_views)).items()}
        return {"loss": sum(terms.values()), **terms}


class _Limits:
    """Keeps widths and colours within limits after a step; from half of the steps on the palette, too."""

    def __init__(self, canvas: StrokeCanvas, settings: Drawing, unit: float) -> None:
        self.canvas, self.settings, self.unit = canvas, settings, unit
        self.group: Tensor | None = None

    @torch.no_grad()
    def __call__(self, done: int) -> None:
        self.canvas.limit(self.settings.min_width * self.unit, self.settings.max_width * self.unit)
        if 2 * done >= self.settings.steps:
            self.unite()

    @torch.no_grad()
    def unite(self) -> None:
        """Give the strokes as many colours as the palette has."""
        colors = self.canvas.colors
        if not self.settings.palette:
            return
        if self.group is None:
            self.group = group_colors(colors[:, :3], self.settings.palette)
        colors[:, :3] = unite_colors(colors[:, :3], self.group)


def points_schedule(time: float) -> float:
    """CLIPDraw's steps: 1, from half of the time 0.4, from three quarters 0.1."""
    return 1.0 if time < 0.5 else 0.4 if time < 0.75 else 0.1


def constant_schedule(time: float) -> float:
    return 1.0
