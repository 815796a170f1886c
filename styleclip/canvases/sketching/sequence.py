"""Sketches of pictures that change gradually, as along a slider: each begins with the strokes of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from styleclip.canvases.sketching.search import Sketch, find_sketch, label_steps
from styleclip.canvases.sketching.settings import METHOD, Sketching
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.settings import resolve
from styleclip.weights.clips import suited_settings

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
    settings = resolve(settings, suited_settings(clip, METHOD))
    warm = replace(settings, steps=max(1, round(WARM_STEPS * settings.steps)))

    def make(i: int, before: Sketch | None) -> Sketch:
        label = label_steps(on_step, f"sketch {i + 1} of {len(pictures)}")
        chosen, start = (settings, None) if before is None else (warm, before.strokes)
        return find_sketch(clip, pictures[i], chosen, label, region, start)

    return _collect(len(pictures), make)


def sketch_ladder(
    clip: CLIP,
    picture: Tensor,
    counts: Sequence[int],
    settings: Sketching,
    on_step: OnStep = ignore,
    region: Tensor | None = None,
) -> list[Sketch]:
    """Sketches of one picture with each of these numbers of strokes, the ladder of abstraction (CLIPasso, figure 1)."""

    def make(i: int, _: Sketch | None) -> Sketch:
        chosen = replace(settings, strokes=counts[i])
        return find_sketch(clip, picture, chosen, label_steps(on_step, f"{counts[i]} strokes"), region)

    return _collect(len(counts), make)


def _collect(count: int, make: Callable[[int, Sketch | None], Sketch]) -> list[Sketch]:
    """What `make` returns for each index, given the one before; after Ctrl-C those so far."""
    found: list[Sketch] = []
    for i in range(count):
        try:
            found.append(make(i, found[-1] if found else None))
        except KeyboardInterrupt:
            if not found:
                raise
            found[-1] = replace(found[-1], interrupted=True)
        if found[-1].interrupted:
            break
    return found
