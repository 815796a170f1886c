"""What an evaluation cannot measure, and why: it leaves that out and goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from styleclip.errors import NumericError, PhotoError, UsageError

REFUSALS = (NumericError, PhotoError, UsageError)  # of a photo, or of a prompt by an editor


@dataclass(frozen=True)
class LeftOut:
    """A photo, or a prompt with an editor or with all, that was not measured.

    Args:
        why: the sentence of the error.
        image: the name of the photo; empty where a prompt was left out.
        prompt: its target text; empty where a photo was left out.
        editor: the label of the editor that refused the prompt; empty where no editor was measured on it.
    """

    why: str
    image: str = ""
    prompt: str = ""
    editor: str = ""

    @property
    def what(self) -> str:
        """`lake.png`, `'an old face'` or `'an old face' by global-dir`."""
        return self.image or repr(self.prompt) + (f" by {self.editor}" if self.editor else "")

    @property
    def sentence(self) -> str:
        return f"left out {self.what}: {self.why}"


def nothing_left(left_out: Sequence[LeftOut]) -> str:
    """The sentence of an evaluation that had to leave everything out: why, of several for the first."""
    first = left_out[0]
    of_several = f"of {len(left_out)} left out the first is {first.what}: " if len(left_out) > 1 else ""
    return f"nothing is left to measure: {of_several}{first.why}"
