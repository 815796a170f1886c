"""Latents whose generator was tuned, in every editor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result
from PIL import Image

import styleclip
from styleclip.inversion.generator_delta import save_tuning
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.latents import Latent, save_latent, tuning_hash
from styleclip.models import Models
from styleclip.weights.formats.own_files import save_generator
from tests.helpers.photo_commands import GLOBAL, MAP, OPTIMIZE, PHOTO, TUNED, record
from tests.helpers.photos import ASTRONAUT, file_names, pixel_difference, read_rgb
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_generator

Run = Callable[..., Result]


@pytest.fixture
def tuned(run: Run) -> Path:
    """What `invert --tune` left."""
    done(run("invert", ASTRONAUT, "--refine", 2, "--tune", "--no-align", "--out", "tuned"))
    return Path("tuned")


def test_a_tuned_latent_brings_its_generator(run: Run, tuned: Path, models: Models) -> None:
    """Through an edit, and an edit of the edit, and its source."""
    shown = read_rgb(tuned / "reconstruction.png")
    untouched = styleclip.Editor(models).render(Latent.load(tuned / "latent.safetensors"))
    assert pixel_difference(shown, Image.fromarray(styleclip.images.to_uint8(untouched)[0].numpy())).max() > 0
    steps = *OPTIMIZE[:-1], 10, "--lambda-id", 0  # the step rate rises from zero
    first = done(run(*steps, "--latent", tuned / "latent.safetensors", "--out", "first"))
    assert f"first/{TUNED}" in first.stdout and first.stderr == ""
    assert pixel_difference(read_rgb("first/before.png"), shown).max() == 0
    assert record("first")["provenance"]["tuned"] == tuning_hash(Path("first/latent.safetensors"))
    second = done(run(*MAP, "--latent", "first/latent.safetensors", "--strength", "1,2", "--out", "second"))
    assert pixel_difference(read_rgb("second/strength_2/before.png"), read_rgb("first/after.png")).max() == 0
    assert {f"second/strength_{i}/{TUNED}" for i in (1, 2)} <= set(second.stdout.split()) and second.stderr == ""
    source = done(run(*GLOBAL, "--latent", "second/strength_1/source.safetensors", "--out", "third"))
    assert (
        pixel_difference(read_rgb("third/before.png"), read_rgb("first/after.png")).max() == 0 and source.stderr == ""
    )


def test_photos_are_edited_by_their_tuned_generator(run: Run) -> None:
    done(run(*MAP, *PHOTO, "--tune", "--out", "out"))
    assert TUNED in file_names("out") and TUNED in file_names("out/inversion")
    assert pixel_difference(read_rgb("out/before.png"), read_rgb("out/inversion/reconstruction.png")).max() == 0
    done(run(*OPTIMIZE, "--latent", "out/latent.safetensors", "--out", "again"))
    assert pixel_difference(read_rgb("again/before.png"), read_rgb("out/after.png")).max() == 0


@pytest.mark.parametrize("what", ["missing", "other"])
def test_a_tuning_that_is_not_there_is_a_warning(run: Run, tuned: Path, models: Models, what: str) -> None:
    (tuned / TUNED).unlink()
    if what == "other":
        target = torch.zeros(1, 3, 16, 16)
        latent = Latent.load(tuned / "latent.safetensors")
        save_tuning(PivotalTuning(steps=2, rank=1)(models, target, latent), tuned / TUNED)
    result = done(run(*MAP, "--latent", tuned / "latent.safetensors", "--out", "out"))
    assert result.stderr == (
        "Warning: tuned/latent.safetensors was made with a tuned generator, whose change is not beside it as "
        f"{TUNED}; the untouched one is used, so faces look less alike\n"
    )
    assert tuning_hash(Path("out/latent.safetensors")) is None and TUNED not in file_names("out")


def test_a_tuning_of_another_generator(run: Run, tuned: Path) -> None:
    save_generator(tiny_generator(seed=7), Path("other.safetensors"))
    other = ("--latent", tuned / "latent.safetensors", "--model", "other.safetensors", "--out", "out")
    failed(run(*OPTIMIZE, *other), 1, TUNED, "this tuning was made for another generator; pass that one with --model")
    (tuned / TUNED).write_bytes(b"no tensors")
    failed(run(*MAP, "--latent", tuned / "latent.safetensors", "--out", "out"), 1, f"tuned/{TUNED}: ")


def test_untuned_latents_look_for_no_tuning(run: Run, tuned: Path) -> None:
    """Whatever lies beside them."""
    save_latent(Latent.load(tuned / "latent.safetensors"), tuned / "plain.safetensors")
    (tuned / "plain.tuning.safetensors").write_bytes(b"no tensors")
    assert done(run(*MAP, "--latent", tuned / "plain.safetensors", "--out", "out")).stderr == ""
    assert TUNED not in file_names("out")


def test_an_untuned_result_in_the_place_of_a_tuned_one(run: Run, tuned: Path) -> None:
    done(run("invert", ASTRONAUT, "--refine", 2, "--no-align", "--out", tuned, "--overwrite"))
    assert tuning_hash(tuned / "latent.safetensors") is None
    assert done(run(*MAP, "--latent", tuned / "latent.safetensors", "--out", "out")).stderr == ""
    assert pixel_difference(read_rgb("out/before.png"), read_rgb(tuned / "reconstruction.png")).max() == 0
