"""An editing method for tests of the list of methods: it moves every face towards the average one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from styleclip.progress import OnStep, Step, ignore
from styleclip.settings import check_limits, setting

if TYPE_CHECKING:
    from styleclip.latents import Latent
    from styleclip.models import Models
    from styleclip.prompts import Prompt


@dataclass(frozen=True)
class Average:
    """Move every face towards the average face; the text is used for the scores alone.

    Args:
        share: of the way that a face goes.
    """

    share: float = setting(0.5, "Share of the way.", least=0, most=1)

    name: ClassVar[str] = "average"

    def __post_init__(self) -> None:
        check_limits(self)

    def settings(self, models: Models) -> dict[str, Any]:
        return asdict(self)

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        average = models.generator.truncate(latent, 0.0)
        edited = latent + self.share * (average - latent)
        on_step(Step(1, 1, {}, edited))
        return edited
