"""What is sketched of every face: once, with several numbers of strokes, or along sliders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from styleclip.canvases.result import CanvasResult
from styleclip.canvases.sketching.results import ladder_result, sketch_result, slider_result
from styleclip.canvases.sketching.search import find_sketch
from styleclip.canvases.sketching.sequence import sketch_ladder, sketch_sequence
from styleclip.canvases.sketching.settings import Sketching
from styleclip.canvases.sketching.subjects import Subject
from styleclip.methods.sliders import Slider
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore


@dataclass(frozen=True)
class SketchWork:
    """How every face is sketched.

    Args:
        clip: judges the sketches.
        settings: of each sketch.
        counts: the numbers of strokes; several make a ladder.
        sliders: along which the face is sketched; none for the face as it is.
        frames: sketches along the sliders.
    """

    clip: CLIP
    settings: Sketching
    counts: Sequence[int]
    sliders: Sequence[Slider] = ()
    frames: int = 0

    def run(self, subject: Subject, on_step: OnStep = ignore) -> CanvasResult:
        """The sketches of one face."""
        clip, settings, region = self.clip, self.settings, subject.region
        about: dict[str, Any] = {
            **subject.models.provenance,
            "clip": {"name": clip.name, "preprocess": clip.preprocess},
            "source": subject.about,
        }
        if self.sliders:
            shares = [i / (self.frames - 1) for i in range(self.frames)]
            pictures, edit = subject.along(self.sliders, shares, on_step)
            found = sketch_sequence(clip, pictures, settings, on_step, region)
            told = {"edits": edit.settings, "shares": shares}
            labels = [f"{share:.2g}" for share in shares]
            return slider_result(found, labels, {**about, "directions": edit.details}, told)
        if len(self.counts) > 1:
            return ladder_result(sketch_ladder(clip, subject.picture, self.counts, settings, on_step, region), about)
        return sketch_result(find_sketch(clip, subject.picture, settings, on_step, region), about)
