"""The best latent of the steps of an edit, which Ctrl-C keeps."""

from __future__ import annotations

from collections.abc import Callable

from styleclip.latents import Latent
from styleclip.progress import OnStep, Step


class BestStep:
    """Passes steps on and keeps the latent of the one with the lowest loss, of the last one where none has a loss."""

    def __init__(self, on_step: OnStep) -> None:
        self.on_step, self.loss = on_step, float("inf")
        self.latent: Latent | None = None
        self.kept: Callable[[], Latent] | None = None

    def __call__(self, step: Step) -> None:
        loss = step.values.get("loss")
        if loss is None:
            self.latent = step.latent
        elif loss < self.loss:
            self.loss, self.latent = loss, step.latent
        self.kept = step.kept
        self.on_step(step)

    def latent_to_keep(self) -> Latent | None:
        """The latent that is kept when the edit ends here; None before there is one."""
        return self.latent if self.kept is None else self.kept()
