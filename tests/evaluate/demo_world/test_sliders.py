"""Sliders measured like an editor, and the boundary that CLIP's scores of 500 samples give."""

from __future__ import annotations

import pytest
import torch

from styleclip import evaluate
from styleclip.directions.interfacegan import interfacegan
from styleclip.directions.scores import clip_scores, drawn_samples
from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.prompts import Prompt

SEEDS = range(3100, 3116)  # of no set of wordings
PROMPT = "a face with glasses"


def test_a_boundary_is_clean(models: Models) -> None:
    latent, features = drawn_samples(models, 500)
    found = interfacegan(models, latent, clip_scores(models, Prompt(PROMPT), features))
    report = evaluate.run_sliders(models, [Slider(found, 1.0)], SEEDS, [PROMPT])
    assert report.mean("clean") >= 0.7 and report.mean("hit") >= 0.8 and report.mean("bg") < 2
    assert report.method == "sliders" and report.wordings == "given"
    [record] = report.settings["sliders"]
    assert record["name"] == "direction" and record["strength"] == 1


def test_a_direction_is_measured_by_its_own_text(models: Models) -> None:
    nothing = torch.zeros(1, models.generator.config.w_dim)
    hat = LatentDirection(Space.W, nothing, prompt=Prompt("a face wearing a hat"))
    report = evaluate.run_sliders(models, [Slider(hat)], range(4))
    assert [each.prompt for each in report.prompts] == ["a face wearing a hat"] and report.mean("clean") == 0
    with pytest.raises(UsageError, match="this direction has no text; name what it shall show with --prompts FILE"):
        evaluate.run_sliders(models, [Slider(LatentDirection(Space.W, nothing))], range(4))
    with pytest.raises(UsageError, match="several directions have no text in common; name what"):
        evaluate.run_sliders(models, [Slider(hat), Slider(hat)], range(4))
