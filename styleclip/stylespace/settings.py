"""Settings of the preparation of a relevance table. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styleclip.settings import setting


@dataclass(frozen=True)
class PreparationSettings:
    """How a relevance table is made; the defaults are those of StyleCLIP (its `GetCode.py` and `SingleChannel.py`)."""

    method: Literal["exact", "official", "gradient"] = setting(
        "exact", "Render every channel by itself; or as the published code did; or differentiate."
    )
    images: int = setting(100, "Images over which a row is averaged.", least=1)
    samples: int = setting(
        100_000, "Samples for the mean and the deviation of the channels.", least=2, option="num-latents"
    )
    seed: int = setting(5, "Random seed of the samples and the images.", least=0, most=2**32 - 1)
    psi: float = setting(0.7, "Truncation of the samples.")
    cutoff: int | None = setting(None, "Truncate the first w only; all where it is left out.", least=1, option="")
    sigmas: float = setting(5.0, "Standard deviations up and down from the mean.", above=0, option="")
    torgb: bool = setting(True, "Whether toRGB channels are measured; official never does.", option="")
