"""`--label`: the class of a conditional generator, whose own average w is what truncation pulls to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.latents import Latent, Space
from tests.helpers.checkpoint_writers import write_nvidia_pickle
from tests.helpers.files import tiny_clip_file
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_generator

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on a generator of 3 classes, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    write_nvidia_pickle(tmp_path / "g.pkl", tiny_generator(), c_dim=3)
    tiny_clip_file(tmp_path)
    words = ("--model", "g.pkl", "--clip", "clip.safetensors", "--seeds", "0,1")
    return lambda command, *more: CliRunner().invoke(main, [command, *words, *map(str, more)], prog_name="styleclip")


def test_the_mean_of_the_class_is_what_commands_start_from(run: Run) -> None:
    edit = ("optimize", "--prompt", "red hair", "--steps", 1, "--patience", 1, "--from", "mean", "--lr", 1e-9)
    found = []
    for label in (0, 2):
        average = styleclip.load("g.pkl", clip="clip.safetensors", label=label).generator.w_avg
        done(run("sample", "--psi", 0, "--label", label, "--out", f"sample {label}"))
        latent = Latent.load(f"sample {label}/latent.safetensors")
        assert latent.space is Space.W_PLUS
        assert torch.equal(latent.data, average.expand_as(latent.data))
        done(run(*edit, "--label", label, "--out", f"edit {label}"))
        torch.testing.assert_close(Latent.load(f"edit {label}/latent.safetensors").data, latent.data)
        found.append(average)
    assert (found[0] - found[1]).abs().max() > 0.01


def test_without_a_class(run: Run) -> None:
    failed(run("sample", "--out", "x"), 1, "its generator has 3 classes; choose 0 to 2 by label= or --label")
