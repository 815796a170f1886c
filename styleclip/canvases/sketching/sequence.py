"""Sketches of pictures that change gradually, as along a slider: each begins with the strokes of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from styleclip.canvases.sketching.search import Sketch, find_sketch, label_steps
from styleclip.canvases.sketching.settings import METHOD, Sketching
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.settings import resolve
from styleclip.weights.clips import clip_defaults

WARM_STEPS = 0.5  # of the steps of the first sketch, for each that begins with the strokes of another


def sketch_sequence(
    clip: CLIP,
    pictures: Sequence[Tensor],
    settings: Sketching,
    on_step: OnStep = ignore,
    region: Tensor | None = None,
) -> list[Sketch]:
    """A sketch of each picture [1, C, H, W], with the same strokes throughout, so that they can move.

    `Step.stage` is "sketch 2 of 5", after Ctrl-C the sketches so far are returned; see `find_sketch`.
    """
    settings = resolve(settings, clip_defaults(clip.name, METHOD))
    warm = replace(settings, steps=max(1, round(WARM_STEPS * settings.steps)))
    found: list[Sketch] = []
    for number, picture in enumerate(pictures, start=1):
        label = label_steps(on_step, f"sketch {number} of {len(pictures)}")
        chosen, start = (warm, found[-1].strokes) if found else (settings, None)
        found.append(find_sketch(clip, picture, chosen, label, region, start))
        if found[-1].interrupted:
            break
    return found


def sketch_ladder(
    clip: CLIP,
    picture: Tensor,
    counts: Sequence[int],
    settings: Sketching,
    on_step: OnStep = ignore,
    region: Tensor | None = None,
) -> list[Sketch]:
    """Sketches of one picture with each of these numbers of strokes, the ladder of abstraction (CLIPasso, figure 1)."""
    found: list[Sketch] = []
    for count in counts:
        chosen = replace(settings, strokes=count)
        found.append(find_sketch(clip, picture, chosen, label_steps(on_step, f"{count} strokes"), region))
        if found[-1].interrupted:
            break
    return found
