"""Errors of the studio: one sentence each, which the page shows."""

from __future__ import annotations

from typing import Literal

from styleclip.errors import StyleClipError


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
