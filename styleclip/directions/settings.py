"""Settings of directions that are made here. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styleclip.errors import UsageError
from styleclip.settings import check_limits, published_values, setting


@dataclass(frozen=True)
class BoundarySettings:
    """How a boundary is fitted to samples; the numbers are those of InterFaceGAN."""

    fit: Literal["ridge", "svm"] = setting(
        "ridge",
        "To all samples, whose scores are regressed on W; or, as published, by a linear SVM to those with the highest "
        "and the lowest scores.",
    )
    ratio: float = setting(0.02, "The share of the samples that each side of the SVM has.", above=0, most=0.5)
    split: float = setting(
        0.7, "The share of these that the SVM is fitted to; the others tell its accuracy.", above=0, most=1
    )
    c: float = setting(
        1.0, "The weight of samples on the wrong side, C of the SVM.", above=0, advanced=True, option="svm-c"
    )
    split_seed: int = setting(0, "The seed by which they are split.", least=0, most=2**32 - 1, advanced=True)

    def __post_init__(self) -> None:
        check_limits(self)
        changed = [name for name, value in published_values(BoundarySettings).items() if getattr(self, name) != value]
        if self.fit != "svm" and changed:
            raise UsageError(f"{changed[0].replace('_', '-')} is of the SVM; pass --fit svm with it, or leave it out")
