"""Settings of the adaptation of a generator. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from styleclip.settings import MAX_BATCH, MAX_PSI, MAX_SEED, LossResolution, check_limits, resolve, setting

if TYPE_CHECKING:
    from styleclip.models import Models

Freezing = Literal["published", "mended"]


@dataclass(frozen=True)
class Adaptation:
    """Train a copy of a generator, the child, so that its images differ from the parent's as two texts do.

    `loss = sum over CLIPs of weight * (1 - cos(E(child) - E(parent), E(target) - E(source)))`, for the same latents and
    noise (StyleGAN-NADA, equation 2). The defaults are the published ones; a field left at None takes the value that
    suits the generator, else the default.

    Example:
        adapt(models, Prompt("a pencil sketch of a face", "a face"), Adaptation(steps=200)).save("sketch")
    """

    steps: int = setting(300, "Training steps, at most; more make the change stronger.", least=1, per_model=True)
    batch_size: int = setting(2, "Images per step.", least=1, most=MAX_BATCH, per_model=True)
    lr: float = setting(0.0016, "Learning rate of Adam.", above=0, per_model=True)
    layer_share: float = setting(
        2 / 3,
        "Share of the layers that are trained, chosen anew at every step as those that the text changes most; 1 trains "
        "all, less keeps shapes.",
        above=0,
        most=1,
        per_model=True,
    )
    freezing: Freezing = setting(
        "published",
        "How vectors of W+ are matched with the layers to train: as published, which is off by one layer, or mended.",
        per_model=True,
        advanced=True,
    )
    choice_batch: int = setting(
        8, "Images that the layers are chosen by.", least=1, most=MAX_BATCH, per_model=True, advanced=True
    )
    torgb: bool = setting(False, "Train the toRGB layers as well, which mix the colours.", per_model=True)
    views: int = setting(
        0,
        "Warped and mirrored views of every image that CLIP sees besides it; against changes that only CLIP sees.",
        least=0,
        most=64,
        per_model=True,
    )
    psi: float = setting(1.0, "Truncation of the training samples.", least=-MAX_PSI, most=MAX_PSI, advanced=True)
    noise: Literal["random", "const", "none"] = setting(
        "random", "Noise while training; random draws other noise for child and parent.", per_model=True, advanced=True
    )
    min_change: float = setting(
        1e-6,
        "Changes of CLIP's features that are shorter than this count less; it tames the first steps.",
        above=0,
        per_model=True,
        advanced=True,
    )
    loss_resolution: LossResolution = setting(
        "full",
        "Resolution of the images that CLIP sees; of a smaller one the last layers are not trained.",
        metavar="auto|full|PX",
        per_model=True,
    )
    evaluate_every: int = setting(25, "Measure loss and diversity every N steps.", least=1, per_model=True)
    patience: int = setting(
        0, "Stop after N measurements without an improvement; 0 runs all steps.", least=0, per_model=True
    )
    min_diversity: float = setting(
        0.0,
        "Stop before the child's faces are less different from each other than this share of the parent's.",
        least=0,
        per_model=True,
    )
    seed: int = setting(0, "Random seed of the training samples.", least=0, most=MAX_SEED)

    name: ClassVar[str] = "adapt"

    def __post_init__(self) -> None:
        check_limits(self)

    def resolve(self, models: Models) -> Adaptation:
        """These settings with those filled in that were left open."""
        return resolve(self, models.defaults.get(self.name, {}))
