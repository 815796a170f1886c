"""Sliders of the demo generator, measured."""

from __future__ import annotations

import pytest

from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.evaluate.curves.slider_measuring import measure_slider
from styleclip.evaluate.curves.slider_quality import slider_quality
from styleclip.evaluate.held_out.judges import Judges, load_judges
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.prompts import Prompt

TEXT = "an old face"


@pytest.fixture(scope="module")
def judges(demo: Models) -> Judges:
    return load_judges(demo, "demo-judge-clip")


def test_a_slider_of_the_demo_rises_and_is_exact_at_zero(demo: Models, judges: Judges) -> None:
    latent = Editor(demo).sample(seeds=(0, 1, 2))
    runs = measure_slider(demo, judges, Slider(Prompt(TEXT)), TEXT, latent, ["a", "b", "c"], (-0.5, 0.0, 0.5, 1.0))
    quality = slider_quality(runs)
    assert quality.monotonicity.mean == pytest.approx(1)
    assert quality.zero_error == 0
    assert quality.return_error < 0.01 and quality.refound_error < 0.01  # of 255
    assert quality.gain.mean > 0.02 and 1 <= quality.picture_jump.mean < 2


@pytest.mark.parametrize("strengths", [(0.0, 1.0), (0.5, 1.0, 1.5), (1.0, 0.0, -1.0), (0.0, 0.0, 1.0)])
def test_strengths_rise_and_have_a_zero(demo: Models, judges: Judges, strengths: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="rising order"):
        measure_slider(demo, judges, Slider(Prompt(TEXT)), TEXT, Editor(demo).sample(seed=0), ["a"], strengths)
