"""The contract of editing methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


class Method(Protocol):
    """Take a latent and a prompt, return a latent. The fields of the dataclass are its settings.

    A class attribute `needs_neutral = True` says that the neutral text matters, so that `evaluate` has to name one. A
    method `reads_claims(models) -> bool` says whether it follows the claims of a prompt (`Prompt.claims`) and not its
    text as a whole.
    """

    @property
    def name(self) -> str: ...

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting with the value it has for these models."""
        ...

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent: ...


@runtime_checkable
class MethodWithDetails(Method, Protocol):
    """A method that finds values on its way that belong into the record, such as the alpha of every image."""

    @property
    def details(self) -> dict[str, Any]:
        """What is known before the edit."""
        ...

    def edit_with_details(
        self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore
    ) -> tuple[Latent, dict[str, Any]]:
        """The edited latent, as `__call__` returns it, and the details of this edit, JSON values."""
        ...


def reads_claims(method: Method, models: Models) -> bool:
    """Whether a method follows the claims of a prompt, and not its text as a whole."""
    answer: Callable[[Models], bool] = getattr(method, "reads_claims", lambda _: False)
    return answer(models)
