"""`styleclip invert` on the tiny models, with cached face detections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from styleclip import loading
from tests.helpers.commands import invoke
from tests.helpers.photos import cached_mtcnn

Run = Callable[..., Result]
__all__ = ["cached_mtcnn"]  # a fixture


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip invert` on the tiny models in two steps, in an empty folder, without LPIPS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    monkeypatch.setattr(loading, "load_perceptual", lambda: None)
    words = ["invert", "--model", str(files[0]), "--clip", str(files[1]), "--refine", "2"]
    return lambda *more: invoke(*words, *more)
