"""Settings of `styleclip prepare`. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styleclip.settings import MAX_PSI, setting


@dataclass(frozen=True)
class SampleSettings:
    """How many samples CLIP sees, and how they are drawn."""

    samples: int = setting(10_000, "Samples that CLIP sees (regression).", least=10)
    seed: int = setting(5, "Random seed of the samples and the images.", least=0, most=2**32 - 1)
    psi: float = setting(1.0, "Truncation of the samples.", least=-MAX_PSI, most=MAX_PSI)


@dataclass(frozen=True)
class TableSettings:
    """How a relevance table is made; the defaults are those of StyleCLIP (its `GetCode.py` and `SingleChannel.py`)."""

    method: Literal["exact", "official", "gradient"] = setting(
        "exact", "Render every channel by itself; or as the published code did; or differentiate."
    )
    images: int = setting(100, "Images over which a row is averaged (tables).", least=1)
    samples: int = setting(
        100_000, "Samples for the mean and the deviation of the channels (tables).", least=2, option="num-latents"
    )
    seed: int = setting(5, "Random seed of the samples and the images.", least=0, most=2**32 - 1)
    psi: float = setting(0.7, "Truncation of the samples.", least=-MAX_PSI, most=MAX_PSI)
    cutoff: int | None = setting(None, "Truncate the first w only; all where it is left out.", least=1, option="")
    sigmas: float = setting(5.0, "Standard deviations up and down from the mean.", above=0, option="")
    torgb: bool = setting(True, "Whether toRGB channels are measured; official never does.", option="")
