"""The settings of a stylization; nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from styleclip.settings import MAX_SEED, check_limits, setting

ContentName = Literal["auto", "vgg19", "vgg16", "clip"]


def _suited(default: Any, help: str, **details: Any) -> Any:
    """A setting that is None until the value that suits the CLIP is known."""
    return setting(default, help, per_model=True, **details)


@dataclass(frozen=True)
class Stylization:
    """How a U-Net is trained to draw a photo in the style of a text; the published values are those of CLIPstyler.

    A field that is None takes the value that suits the CLIP, else the published one. The `lambda_` fields are the
    weights of the losses.

    Example:
        stylize("me.jpg", "a pencil sketch", clip, Stylization(num_crops=16, lambda_id=200.0))
    """

    source: str | None = _suited("a Photo", "What the photo shows; the style is the step from it to the prompt.")
    steps: int | None = _suited(200, "Training steps of the net.", least=1)
    lr: float | None = _suited(5e-4, "Learning rate; half of it in the second half.", above=0)
    num_crops: int | None = _suited(64, "Crops that CLIP sees in a step.", least=1)
    crop_size: float | None = _suited(
        0.25, "Side of a crop, as a share of the longer side of the photo.", above=0, most=1
    )
    lambda_patch: float | None = _suited(9000.0, "Weight of the directional loss of crops.", least=0)
    lambda_direction: float | None = _suited(500.0, "Weight of the directional loss of the whole picture.", least=0)
    lambda_content: float | None = _suited(150.0, "Weight of the content loss.", least=0)
    lambda_id: float | None = _suited(0.0, "Weight of the identity loss of the faces.", least=0)
    side: int | None = _suited(512, "Longer side of the photo in the training, px.", least=64, most=4096)
    draw_side: int | None = _suited(
        None, "Longer side at which the net draws larger photos, px.  [default: the model's, else their own]", least=64
    )
    detail: float | None = _suited(
        1.0, "Share of the photo's finer detail in what is drawn smaller.", least=0, most=1, advanced=True
    )
    contrast: float | None = _suited(1.5, "Factor of the contrast of the result.", above=0, most=10)
    seed: int = setting(0, "Random seed.", least=0, most=MAX_SEED)
    lambda_hue: float | None = _suited(
        0.0, "Weight of the loss that keeps the hues of the photo; colours may fade.", least=0, advanced=True
    )
    lambda_tv: float | None = _suited(2e-3, "Weight of the total variation.", least=0, advanced=True)
    distortion: float | None = _suited(0.5, "Random perspective of the crops.", least=0, most=1, advanced=True)
    jitter: float | None = _suited(
        0.0, "Random gains of red, green and blue of the crops, up to this share.", least=0, most=1, advanced=True
    )
    threshold: float | None = _suited(0.7, "Crops with a lower loss count nothing.", least=0, most=2, advanced=True)
    compare: Literal["photo", "crop"] | None = _suited(
        "photo", "What a crop changes from: the whole photo, as published, or the same crop of it.", advanced=True
    )
    reach: float | None = _suited(
        None, "Length of the step along the text; without it the direction alone counts.", above=0, advanced=True
    )
    levels: int | None = _suited(
        3,
        "Levels of the net; with fewer a pixel sees less around it, and the style is finer.",
        least=0,
        most=3,
        advanced=True,
    )
    start: Literal["photo", "noise"] | None = _suited(
        "noise", "What the untrained net draws: the photo, which it then changes, or noise.", advanced=True
    )
    content: ContentName = setting(
        "auto",
        "Network of the content loss; auto takes VGG where its weights are here, else layers of the CLIP.",
        advanced=True,
    )

    def __post_init__(self) -> None:
        check_limits(self)
