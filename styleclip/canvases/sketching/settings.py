"""The settings of a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styleclip.settings import MAX_SEED, check_limits, setting

METHOD = "sketch"
MAX_STROKES = 1000
UNITS = 224  # lengths are counted in parts of the side of a canvas: the pixels of CLIPasso's
SKETCH_FILES = (
    *("sketch*.svg", "sketch*.png", "animation.svg", "animation.gif", "comparison.png", "ladder.png"),
    *("slider.svg", "slider.gif", "result.json"),
)


@dataclass(frozen=True)
class Sketching:
    """Sketch a picture by a few strokes (CLIPasso, Vinker et al. 2022).

    The control points of the strokes are moved until CLIP sees in the sketch what it sees in the picture: the outputs
    of two of its layers, which keep the form, and its features, which keep the meaning.

    Args:
        strokes: how many; fewer make the sketch more abstract.
        width: of the strokes, in 224ths of the side of the canvas.
        steps: of Adam, of each restart.
        lr: of the control points, in 224ths of the side.
        start: "points" begins with short strokes at points on lines, as published; "lines" with strokes along them.
        goal: what the layers compare the sketch with: the "picture", as published, or its "lines", for a CLIP whose
            layers tell a drawing from a picture. The features are compared with those of the picture.
        restarts: how many initialisations are tried; the sketch with the lowest loss is kept.
        start_seed: of the initialisation and of the augmentation.
        lambda_semantic: weight of the cosine distance of the features.
        layers: the layers of CLIP that are compared.
        augmentations: random views of sketch and picture in every step, besides the whole.
        background: "white" removes what is not the face, "keep" sketches it too.

    Example:
        styleclip.sketch("face.png", settings=Sketching(strokes=8)).save("sketched")
    """

    strokes: int = setting(16, "Strokes; fewer make the sketch more abstract.", least=1, most=MAX_STROKES)
    width: float = setting(1.5, "Width of a stroke, in 224ths of the side.", above=0, most=UNITS, per_model=True)
    steps: int = setting(2000, "Optimization steps of each restart.", least=1, per_model=True)
    lr: float = setting(1.0, "Learning rate, in 224ths of the side.", above=0, per_model=True)
    start: Literal["points", "lines"] = setting(
        "points", "Strokes begin at points on lines, or follow the lines.", per_model=True
    )
    goal: Literal["picture", "lines"] = setting(
        "picture", "What the layers of CLIP compare the sketch with: the picture, or its lines.", per_model=True
    )
    restarts: int = setting(
        3, "Initialisations; the sketch with the lowest loss is kept.", least=1, most=100, per_model=True
    )
    start_seed: int = setting(0, "Seed of the initialisation.", least=0, most=MAX_SEED)
    background: Literal["white", "keep"] = setting("white", "What is behind the face: white, or kept.")
    lambda_semantic: float = setting(0.1, "Weight of the semantic loss.", least=0, per_model=True, advanced=True)
    layers: tuple[str, ...] = setting(
        (),
        "A layer of CLIP whose output is compared; may be given again.  [default: two in the middle]",
        advanced=True,
        option="layer",
        metavar="NAME",
    )
    augmentations: int = setting(4, "Random views of each step.", least=0, most=100, per_model=True, advanced=True)

    def __post_init__(self) -> None:
        check_limits(self)
