"""Settings of mapper trainings: their limits, and what is filled in where they are open."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from styleclip.errors import UsageError
from styleclip.settings import published_values
from styleclip.training.mapper.settings import MapperTraining
from tests.helpers.tiny import tiny_models


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        *(({name: 0}, f"{name} is 0; it must be at least 1") for name in ("steps", "batch_size", "num_latents")),
        *(({name: -1}, f"{name} is -1; it must be at least 1") for name in ("held_out", "evaluate_every", "patience")),
        *(({name: -0.1}, f"{name} is -0.1; it must be a finite") for name in ("lr", "lambda_clip", "lambda_id")),
        *(({name: float("nan")}, f"{name} is nan; it must be a finite number") for name in ("lambda_l2", "reach")),
        ({"psi": float("inf")}, "psi is inf; it must be a finite number"),
        ({"seed": 2**32}, "seed is 4294967296; it must be at least 0 and at most 4294967295"),
        ({"seed": -1}, "seed is -1; it must be at least 0 and at most 4294967295"),
        ({"levels": ("coarse", "top")}, "'top' is no level; choose from coarse, medium, fine, all"),
        ({"levels": ("fine", "fine")}, "levels are fine, fine; name each once, or all by itself"),
        ({"levels": ("all", "fine")}, "levels are all, fine; name each once, or all by itself"),
        ({"levels": ()}, "levels are none; name each once"),
        ({"levels": ("fine",), "space": "s"}, "levels belong to W+; leave them out in style space"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        MapperTraining(**settings)
    assert "\n" not in str(caught.value)


def test_open_settings_take_what_suits_the_generator() -> None:
    found = MapperTraining(steps=7).resolve(tiny_models())
    assert dataclasses.asdict(found) == {**published_values(MapperTraining), "steps": 7}
    suited = tiny_models(defaults={"train-mapper": {"steps": 5, "lr": 0.25, "levels": ["coarse"]}})
    settled = MapperTraining(lr=0.75).resolve(suited)
    assert (settled.steps, settled.lr, settled.levels) == (5, 0.75, ("coarse",))
    assert settled.lambda_l2 == published_values(MapperTraining)["lambda_l2"]
    assert MapperTraining(space="s").resolve(suited).levels is None, "style space has none"
