"""`--mask`: every picture that an editor writes keeps to the white part of a mask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from styleclip.images import read_record
from styleclip.models import Models
from styleclip.regions import Region
from tests.helpers.pasting import crop_coordinates
from tests.helpers.photo_commands import GLOBAL, MAP, OPTIMIZE, PHOTO, changed, record
from tests.helpers.photos import astronaut, pixel_difference, read_rgb
from tests.helpers.support import done, failed

Run = Callable[..., Result]


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """White on the right half of the frame."""
    pixels = np.zeros((128, 128), np.uint8)
    pixels[:, 64:] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    return Path("mask.png")


def black_columns(models: Models, count: int = 1) -> list[int]:
    """The columns of `count` frames side by side in which the mask is black."""
    width = models.generator.image_size[1]
    return [i * width + x for i in range(count) for x in range(width // 2)]


def test_pictures_of_the_steps_keep_to_the_mask(run: Run, models: Models, mask: Path) -> None:
    done(run(*OPTIMIZE[:-1], "3", "--save-every", 1, "--seeds", "0-1", "--mask", mask, "--out", "out"))
    before, after = (
        np.hstack([np.asarray(read_rgb(f"out/00{i}_{name}.png")) for i in (0, 1)]) for name in ("before", "after")
    )
    step, columns = np.asarray(read_rgb("out/frames/00003.png")), black_columns(models, 2)
    assert np.array_equal(after[:, columns], before[:, columns])
    assert np.array_equal(step[:, columns], before[:, columns]) and not np.array_equal(step, before)
    region = Region.load(mask, models.generator.image_size)
    told = record("out")["provenance"]["region"]
    assert told == {**region.record(), "mask": "../mask.png"}
    assert read_record(Path("out/000_after.png"))["provenance"]["region"] == region.record()


@pytest.mark.parametrize("command", [(*MAP, "--strength=2,4"), (*GLOBAL, "--alpha", "9")], ids=["map", "global-dir"])
def test_sheets_have_the_mask(run: Run, command: tuple[str, ...], mask: Path) -> None:
    done(run(*command, "--grid", "--out", "whole"))
    done(run(*command, "--grid", "--mask", mask, "--out", "masked"))
    whole, masked = (read_rgb(f"{folder}/grid.png") for folder in ("whole", "masked"))
    assert whole.size == masked.size and pixel_difference(whole, masked).any()


def test_a_pasted_photo_keeps_its_pixels_outside(run: Run, mask: Path) -> None:
    done(run(*OPTIMIZE, "--lr", 5, *PHOTO, "--mask", mask, "--out", "out"))
    photo = astronaut()
    quad = np.array(record("out/inversion")["quad"])
    places = changed("out/photo.png", photo)
    across = crop_coordinates(quad, photo.size)[places[:, 1], places[:, 0], 0]
    assert len(places) > 500 and across.min() > 0.499


def test_other_masks_are_refused(run: Run, mask: Path) -> None:
    Image.new("L", (64, 64)).save("black.png")
    Image.new("L", (64, 32), 255).save("wide.png")
    Path("text.png").write_text("no picture")
    for name, code, words in (
        ("none.png", 2, "does not exist"),
        ("black.png", 2, "nothing may change; paint white what may change"),
        ("wide.png", 2, "64 x 32 px"),
        ("text.png", 2, "cannot be read as a mask"),
    ):
        failed(run(*OPTIMIZE, "--mask", name, "--out", "out"), code, words)
    assert not Path("out").exists()
