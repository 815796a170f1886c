"""A model without LPIPS, a quick inversion with it, settings of quick ones, and the files that the command writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import styleclip
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import Inversion
from styleclip.loading import load
from styleclip.models import Models
from tests.helpers.photos import ASTRONAUT

QUICK = Invert(Refine(steps=2))
WHOLE = Invert(Refine(steps=2), align=False)
TUNE = PivotalTuning(steps=3, rank=2)
NEAR = 0.02  # of the crop's width
FILES = ["aligned.png", "comparison.png", "latent.safetensors", "reconstruction.png", "result.json"]


@pytest.fixture(scope="module")
def models(files: tuple[Path, Path]) -> Models:
    return replace(load(str(files[0]), clip=files[1]), perceptual=lambda: None)


@pytest.fixture(scope="module")
def inversion(models: Models) -> Inversion:
    return styleclip.Editor(models).invert(ASTRONAUT, QUICK)
