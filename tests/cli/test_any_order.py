"""Two directions and two texts on one face, in any order: one picture, from Python and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result

import styleclip
from styleclip.directions.own_files import save_latent_directions
from styleclip.directions.sefa import sefa
from styleclip.editor import Editor
from styleclip.images import to_pil
from styleclip.latents import Latent
from styleclip.methods.slider_edit import edit_by_sliders
from styleclip.models import Models
from styleclip.results import EditResult
from styleclip.sweep_edits import Edit
from styleclip.sweeps import edit_at_points, find_points
from tests.helpers.commands import invoke
from tests.helpers.global_dir import pixels
from tests.helpers.support import done

SEED, TOLERANCE = 3, 1e-5
RED, OLD = "a face with red hair", "an old face"
ALPHAS = {"faces:broad": 5.0, "faces:tilted": -1.0, RED: 0.8, OLD: 0.4}


@pytest.fixture(scope="module")
def demo(demo: Models) -> Editor:
    return Editor(demo)


@pytest.fixture(scope="module")
def library(demo: Editor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a pack of two directions, of which the second is absolute."""
    first, second = sefa(demo.models, count=2)
    absolute = replace(second, name="tilted", center=demo.models.generator.w_avg)
    home = tmp_path_factory.mktemp("home")
    (home / "directions").mkdir()
    save_latent_directions([replace(first, name="broad"), absolute], home / "directions" / "faces.safetensors")
    return home


@pytest.fixture
def run(demo: Editor, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(library))
    monkeypatch.setattr(styleclip, "load", lambda *_, **__: demo.models)
    return invoke


@pytest.fixture(scope="module")
def expected(demo: Editor, library: Path) -> EditResult:
    """All four, added up in Python, which gives the same bits in every order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLECLIP_HOME", str(library))
        directions = [styleclip.load_direction(name, demo.models) for name in ALPHAS if ":" in name]
    texts = [styleclip.Slider(styleclip.Prompt(text)).find(demo.models) for text in (RED, OLD)]
    sliders = [styleclip.Slider(*pair) for pair in zip([*directions, *texts], ALPHAS.values(), strict=True)]
    face = demo.sample(seed=SEED)
    result = demo.edit_together(face, sliders)
    edited = [edit_by_sliders(demo.models, face, order).edited for order in permutations(sliders)]
    assert len(edited) == 24 and all(torch.equal(each.data, result.edited.data) for each in edited)
    assert (result.after - result.before).abs().mean() > 0.05
    return result


def test_a_sweep(demo: Editor, library: Path, expected: EditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(library))
    edits = [Edit(name if ":" in name else styleclip.Prompt(name), alpha) for name, alpha in ALPHAS.items()]
    for order in ([3, 0, 2, 1], [2, 3, 1, 0]):
        points = find_points(demo.models, [edits[i] for i in order])
        [point] = edit_at_points(demo, demo.sample(seed=SEED), points)
        torch.testing.assert_close(point.result.after, expected.after, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("command", ["global-dir", "sliders"])
def test_a_command(run: Callable[..., Result], expected: EditResult, command: str) -> None:
    options = [("--edit" if " " in name else "--direction", f"{name}@{alpha}") for name, alpha in ALPHAS.items()]
    words = [word for i in (3, 1, 0, 2) for word in options[i]]
    done(run(command, *words, "--seed", SEED, "--out", "out"))
    edited = Latent.load(Path("out") / "latent.safetensors")
    torch.testing.assert_close(edited.data, expected.edited.data, rtol=0, atol=TOLERANCE)
    assert np.array_equal(pixels(Path("out") / "after.png"), np.asarray(to_pil(expected.after)[0]))
