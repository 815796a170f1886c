"""How a hostile file is refused: by every way in, in one sentence, with nothing run on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styleclip.errors import WeightError
from styleclip.weights.describe import describe
from styleclip.weights.latent_files import load_latents
from styleclip.weights.load import (
    load_clip_file,
    load_encoder,
    load_generator,
    load_identity_file,
    load_mapper,
)
from tests.helpers.from_tensors import load_discriminator

Way = Callable[[Path], Any]
WAYS: tuple[Way, ...] = (
    describe,
    load_generator,
    load_discriminator,
    load_latents,
    load_identity_file,
    load_clip_file,
    load_mapper,
    load_encoder,
)
EXOTIC = {"antigravity", "this", "xmlrpc.server", "torch_utils", "dnnlib", "__torch__"}  # nobody else imports these
LONGEST = 400  # characters of an error


def refused(path: Path, *ways: Way) -> str:
    """What is said of a file that none of these ways opens, nor any where none is given."""
    text = ""
    for way in ways or WAYS:
        with pytest.raises(WeightError) as caught:
            way(path)
        text = str(caught.value)
        assert_is_a_sentence(text, path)
    assert_nothing_ran(path.parent)
    return text


def assert_is_a_sentence(text: str, path: Path) -> None:
    said = text.removeprefix(f"{path}: ")
    what, _, remedy = said.rpartition("; ")
    assert text == f"{path}: {said}" and str(path) not in said, text
    assert text.isprintable() and len(said) < LONGEST and what and len(remedy) > 8, text


def sentinel(folder: Path) -> Path:
    """The file that the code in the hostile files of this folder would make."""
    return folder / "executed"


def assert_nothing_ran(folder: Path) -> None:
    assert not sentinel(folder).exists()
    assert not EXOTIC & sys.modules.keys()


def parametrized(cases: dict[str, Any]) -> pytest.MarkDecorator:
    """One test for each, by its name."""
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())
