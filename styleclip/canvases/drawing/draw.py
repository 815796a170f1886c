"""`draw`: strokes towards a text (CLIPDraw, Frans et al. 2021)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from styleclip.alignment.photos import PhotoLike, read_photo
from styleclip.canvases.drawing.result import DrawingFiles
from styleclip.canvases.drawing.settings import Drawing
from styleclip.canvases.drawing.task import DrawingTask
from styleclip.canvases.result import CanvasResult
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.prompt_lint import check_prompts
from styleclip.prompts import Prompt, recorded_force
from styleclip.runtime.gradients import with_gradients
from styleclip.settings import resolve
from styleclip.storage.recording import InputFile
from styleclip.weights.clips import load_clip, suited_settings


@with_gradients
def draw(
    prompt: str,
    clip: CLIP | None = None,
    settings: Drawing | None = None,
    *,
    background: PhotoLike | None = None,
    negatives: Sequence[str] = (),
    force: bool = False,
    on_step: OnStep = ignore,
) -> CanvasResult:
    """A drawing of the prompt, by strokes on white or on a photo.

    Every restart keeps its best strokes, judged by the same views of the drawing, and the best restart is the result.
    Ctrl-C ends the drawing with the best so far.

    Args:
        prompt: what CLIP shall see.
        clip: by default that of the demo models.
        settings: by default those that suit the CLIP.
        background: a photo, whose shape the canvas has; by default a white square.
        negatives: texts that CLIP shall not see.
        force: draw also by texts with words that CLIP does not know.
        on_step: gets every step.

    Raises UsageError for texts that CLIP cannot read or whose words a small one does not know, PhotoError for a
    background that is no photo.

    Example:
        styleclip.draw("a smiling face", settings=Drawing(strokes=32)).save("drawing")
    """
    started = time.perf_counter()
    texts = [Prompt(text).target for text in (prompt, *negatives)]
    clip = load_clip() if clip is None else clip
    defaults = suited_settings(clip, "draw")
    if background is not None:
        defaults |= {"mirror": False}
    settings = resolve(settings or Drawing(), defaults)
    check_prompts(clip, texts, force)
    photo = None if background is None else read_photo(background)
    task = DrawingTask(clip, texts, settings, photo)
    best = task.best_of_restarts(on_step)
    files = DrawingFiles(best.canvas.strokes().detach(), best.canvas.size, photo)
    return CanvasResult(
        method="draw",
        settings={
            "prompt": prompt,
            **recorded_force(force),
            "negatives": list(negatives),
            **dataclasses.asdict(settings),
        },
        pictures=files.pictures(),
        documents=files.documents(),
        scores=task.scores(best),
        provenance={
            "clip": {"name": clip.name, "preprocess": clip.preprocess},
            **({} if photo is None else {"background": _file_record(photo.path, photo.sha256)}),
        },
        seconds=time.perf_counter() - started,
        steps=task.steps,
        interrupted=task.interrupted,
    )


def _file_record(path: object, sha256: str | None) -> dict[str, object]:
    return {"file": None if path is None else InputFile(str(path)), "sha256": sha256}
