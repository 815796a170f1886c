"""What a tab asks the engine for, and its answers: a picture, a job to wait for, or an error of one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from styleclip.errors import StyleClipError
from styleclip.studio.states.state import State

View = Literal["frame", "photo"]


@dataclass(frozen=True)
class FrameRequest:
    """A picture of a state.

    Args:
        state: what to draw.
        rest: whether the controls rest, so that the picture is at full resolution, with all facts.
        width: px of the canvas; a larger picture is reduced, a smaller one is not enlarged.
        view: the frame of the generator, or the photo with the face pasted back, at rest only.
        source: whether this is the face before the edit, which the tab shows beside it: jobs of the edit go on.
    """

    state: State
    rest: bool = False
    width: int = 512
    view: View = "frame"
    source: bool = False


@dataclass(frozen=True)
class Drawn:
    """The file of a picture, JPEG or PNG, and what is known of it, as JSON."""

    picture: bytes
    facts: dict[str, Any]


@dataclass(frozen=True)
class Pending:
    """The record of the job that makes the face."""

    job: dict[str, Any]


class StudioError(StyleClipError):
    """A state that cannot be drawn, or a row of it.

    Args:
        message: the sentence.
        missing: what the client has to upload again.
        retry: the key of a job that failed or was stopped, which the client may ask for again.
    """

    def __init__(self, message: str, missing: Literal["photo", "file"] | None = None, retry: str | None = None) -> None:
        super().__init__(message)
        self.missing, self.retry = missing, retry


class Busy(StudioError):
    """Too much work is waiting."""


class Superseded(StudioError):
    """A later request of the same tab took the place of this one."""
