"""The editors with their suited settings, on a few faces and prompts of their own."""

import pytest

from styleclip import evaluate
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.optimize import Optimize
from styleclip.models import Models

PROMPTS = ["a face with glasses and blonde hair", "a smiling face"]
SEEDS = range(3100, 3104)


@pytest.mark.parametrize("method", [Optimize(), GlobalDirection()], ids=lambda method: method.name)
def test_the_suited_settings_are_clean(models: Models, method: Optimize | GlobalDirection) -> None:
    report = evaluate.run(models, method, SEEDS, PROMPTS)
    assert report.mean("clean") > 0.5 and report.mean("hit") > 0.8
    assert report.mean("bg") < 3 and report.mean("flips") < 0.5
