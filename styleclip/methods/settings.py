"""Settings of the editors. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styleclip.settings import MAX_SEED, LossResolution, Strength, TextEncoding, setting


@dataclass(frozen=True)
class OptimizeSettings:
    """Settings of latent optimization; the defaults are those published, for FFHQ at 1024 px (StyleCLIP, section 4)."""

    steps: int = setting(300, "Optimization steps.", least=1, per_model=True)
    lr: float = setting(0.1, "Peak learning rate of Adam.", above=0, per_model=True)
    goal: Literal["text", "samples"] = setting(
        "text", "What CLIP shall see: the text, or what samples that show it have and this face lacks.", per_model=True
    )
    prior: Literal["source", "samples"] = setting(
        "source",
        "Where the L2 distance is measured from: the source, or the step from samples like it to those that show the "
        "text, where the optimization starts then.",
        per_model=True,
    )
    strength: float = setting(
        1.0, "Length of the step between samples, for goal and prior: 1 is their mean.", per_model=True
    )
    samples: int = setting(2000, "Samples that goal and prior are computed from, at least.", least=20, advanced=True)
    lambda_l2: float = setting(0.008, "Weight of the squared distance from the prior.", least=0, per_model=True)
    lambda_id: float = setting(
        0.005, "Weight of the identity loss; 0 does without the face-recognition network.", least=0, per_model=True
    )
    space: Literal["w+", "s"] = setting("w+", "Latent space to optimize in; in s, toRGB channels stay as they are.")
    start: Literal["latent", "mean"] = setting(
        "latent",
        "Where the optimization starts: at the source, or at the average w, without L2 and identity loss.",
        option="from",
    )
    clip_loss: Literal["global", "directional"] = setting(
        "global", "CLIP loss: distance to the text, or along the direction between the texts.", per_model=True
    )
    reach: float = setting(
        1.0, "Length of the step in CLIP space, for the directional loss.", least=0, per_model=True, advanced=True
    )
    coordinates: Literal["latent", "whitened"] = setting(
        "latent",
        "Optimize raw latents, or whitened ones (unit: one standard deviation of the samples).",
        per_model=True,
        advanced=True,
    )
    layers: Literal["free", "tied"] = setting(
        "free", "One step for each w of W+, or the same for all.", per_model=True, advanced=True
    )
    explore: float = setting(
        0.0, "Noise on the latent that fades by 3/4 of the steps.", least=0, per_model=True, advanced=True
    )
    text: TextEncoding = setting("prompt", "The text as it is, or averaged over CLIP's prompt templates.", option="")
    loss_resolution: LossResolution = setting(
        "auto", "Resolution of the images that the losses see; auto is no less than CLIP sees.", metavar="auto|full|PX"
    )
    restarts: int = setting(
        1,
        "Runs from different starts; the one with the lowest loss is kept.",
        least=1,
        most=1000,
        per_model=True,
        advanced=True,
    )
    patience: int = setting(50, "Stop after N steps without improvement.", least=1, advanced=True)
    seed: int = setting(0, "Random seed of the restarts.", least=0, most=MAX_SEED, option="")


@dataclass(frozen=True)
class GlobalDirectionSettings:
    """Settings of a global direction; the defaults are those published (StyleCLIP, section 6)."""

    alpha: Strength = setting(4.0, "Strength in standard deviations; negative reverses the edit.", per_model=True)
    beta: Strength = setting(
        "auto", "Relevance threshold: channels below it do not move; auto finds it for each text.", per_model=True
    )
    channels: int | None = setting(None, "How many channels move, instead of --beta.", least=1, metavar="N")
    torgb: bool = setting(False, "Whether toRGB channels may move: they change colours.", per_model=True)
    relevance: Literal["auto", "regression", "table", "gradient"] = setting(
        "auto",
        "Where the direction comes from: a regression over samples, a table, or the gradient of CLIP.",
        option="",
    )
    samples: int = setting(1000, "Samples for the regression, at least.", least=20)
    target_identity: float | None = setting(
        None, "The least similarity of the face that --alpha auto may leave, by regression.", least=-1, most=1
    )
    images: int = setting(100, "Samples to average the gradient over.", least=1, advanced=True)
    refine_top: int = setting(
        0,
        "Measure the K most relevant channels of the gradient exactly; only these move.",
        least=0,
        advanced=True,
        metavar="K",
    )
    seed: int = setting(5, "Random seed of the samples.", least=0, most=MAX_SEED, option="")
    text: TextEncoding = setting("ensemble", "The text as it is, or averaged over CLIP's prompt templates.", option="")
    reach: float | None = setting(
        None, "How far --alpha auto may move CLIP along the texts.", above=0, per_model=True, advanced=True
    )
    sure: float = setting(
        0.95, "CLIP probability at which --alpha auto stops.", least=0, most=1, per_model=True, advanced=True
    )
