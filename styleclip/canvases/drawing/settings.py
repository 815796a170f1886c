"""The settings of `draw`."""

from __future__ import annotations

from dataclasses import dataclass

from styleclip.errors import UsageError
from styleclip.settings import MAX_SEED, check_limits, setting

UNIT_SIDE = 224  # px: lengths and rates of the settings are in px of a canvas of this side


@dataclass(frozen=True)
class Drawing:
    """Strokes optimized so that CLIP sees a text in them (CLIPDraw, Frans et al. 2021).

    Lengths are in px of a canvas whose shorter side is 224 px. A setting left at None takes the value that suits the
    CLIP, else the published one.

    Example:
        result = styleclip.draw("a smiling face", settings=Drawing(strokes=32, seed=3))
        result.save("drawing")
    """

    strokes: int = setting(256, "Strokes of the drawing.", least=1, most=4096, per_model=True)
    steps: int = setting(1000, "Optimization steps.", least=1, per_model=True)
    restarts: int = setting(
        1, "Drawings from different random strokes; the best is kept.", least=1, most=1000, per_model=True
    )
    seed: int = setting(0, "Seed of the strokes and of CLIP's views.", least=0, most=MAX_SEED)
    mirror: bool = setting(False, "Paint every stroke again, mirrored, as faces are.", per_model=True)
    palette: int = setting(0, "Most colours of the drawing; 0 for any number.", least=0, most=256)
    size: int = setting(
        0, "Shorter side of the canvas, px; 0 for that of CLIP's input.", least=0, most=2048, advanced=True
    )
    segments: int = setting(3, "Most Bezier segments of a stroke.", least=1, most=16, per_model=True, advanced=True)
    reach: float = setting(
        0.05, "Largest step between the points of a new stroke, in canvases.", above=0, per_model=True, advanced=True
    )
    width: float = setting(1.0, "Width of a new stroke.", above=0, most=200, per_model=True, advanced=True)
    min_width: float = setting(1.0, "Smallest width.", above=0, most=200, per_model=True, advanced=True)
    max_width: float = setting(50.0, "Largest width.", above=0, most=200, per_model=True, advanced=True)
    lr: float = setting(1.0, "Learning rate of the points.", above=0, per_model=True)
    lr_width: float = setting(0.1, "Learning rate of the widths.", least=0, per_model=True, advanced=True)
    lr_color: float = setting(0.01, "Learning rate of colours and opacities.", least=0, per_model=True, advanced=True)
    views: int = setting(4, "Random views of the drawing that CLIP sees in a step.", least=1, most=256, per_model=True)
    distortion: float = setting(
        0.5, "Perspective of the views, 0 to 1.", least=0, most=1, per_model=True, advanced=True
    )
    least_crop: float = setting(
        0.7,
        "Smallest part of the drawing's area in a view; the largest is 0.2 more.",
        above=0,
        most=1,
        per_model=True,
        advanced=True,
    )
    noise: float = setting(
        0.0, "Noise on the views, whose pixels are in -1 to 1.", least=0, most=4, per_model=True, advanced=True
    )
    jitter: float = setting(
        0.0,
        "Change of brightness and contrast of each colour in the views.",
        least=0,
        most=1,
        per_model=True,
        advanced=True,
    )
    negative_weight: float = setting(0.3, "Weight of the texts that the drawing shall not show.", least=0)

    def __post_init__(self) -> None:
        check_limits(self)
        least, most = self.min_width, self.max_width
        if least is not None and most is not None and least > most:
            raise UsageError(f"the smallest width {least:g} is above the largest, {most:g}; pass another of the two")
