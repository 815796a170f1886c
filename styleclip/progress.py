"""The one progress event: edits, inversions, trainings, relevance tables, evaluations and downloads all report it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styleclip.latents import Latent


@dataclass(frozen=True)
class Step:
    """Step `index`, from 1, of `total` (0 where the total is unknown, as in some downloads).

    `values` are named numbers to show, such as losses; the loss that is minimised is called `loss`. `latent` is the
    latent as it stands, where one is being changed. `stage` names a part of the work that counts its own steps, such
    as "refine" and "tune" of an inversion. `kept` gives the latent to keep when the work ends here, where that is not
    the `latent` with the lowest loss.
    """

    index: int
    total: int
    values: Mapping[str, float] = field(default_factory=dict)
    latent: Latent | None = None
    stage: str = ""
    kept: Callable[[], Latent] | None = None


OnStep = Callable[[Step], None]


def ignore(step: Step) -> None:
    """The `on_step` that does nothing."""
