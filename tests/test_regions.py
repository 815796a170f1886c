"""Regions: masks of any kind, feathering, and edits that keep the bits of the picture outside of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.inversion.invert import Invert
from styleclip.inversion.refine import Refine
from styleclip.methods.sliders import Slider
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.region_editor import RegionEditor
from styleclip.regions import Region
from tests.helpers.average_method import Average
from tests.helpers.mappers import PROMPT
from tests.helpers.photos import cached_mtcnn, pixel_difference

__all__ = ["cached_mtcnn"]  # a fixture
PHOTO = Path(__file__).parents[1] / "docs" / "photo.jpg"
SIZE = (48, 64)  # height, width


def rectangle(size: tuple[int, int] = SIZE, scale: int = 1) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """White from a quarter to three quarters of both sides of the frame, drawn at `scale` px for one of the frame."""
    height, width = size[0] * scale, size[1] * scale
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 4 : -height // 4, width // 4 : -width // 4] = 255
    return pixels


def as_rgba(pixels: Any, below: int) -> Any:
    """RGBA: white with the pixels as alpha, over the colour `below` where it is transparent."""
    colours = np.where(pixels > 0, 255, below).astype(np.uint8)
    return np.stack([colours, colours, colours, pixels], axis=2)


def test_weights_are_0_outside_of_the_mask_and_rise_to_1_inside() -> None:
    region = Region.load(rectangle(), SIZE, feather=4 / 64)
    white = torch.from_numpy(rectangle() > 0)
    assert region.size == SIZE and not region.weights[~white].any()
    row = region.weights[24, 16:48]
    assert row[0] == 0 and (row[1:4] > 0).all() and (row[1:4] < 1).all() and (row[4:-4] == 1).all()
    assert torch.equal(row, row.flip(0)) and (row[1:5].diff() > 0).all()


@pytest.mark.parametrize("scale", [1, 3, 7])
def test_a_mask_of_another_size_means_the_same(scale: int) -> None:
    same = Region.load(rectangle(), SIZE)
    assert torch.equal(Region.load(rectangle(scale=scale), SIZE).weights, same.weights)
    coarse = Region.load(rectangle((12, 16)), SIZE)
    assert torch.equal(coarse.weights, same.weights)


def test_masks_of_every_kind_are_read(tmp_path: Path) -> None:
    pixels = rectangle(scale=8)
    grey = Image.fromarray(pixels)
    same = Region.load(grey, SIZE).weights
    palette = Image.fromarray(as_rgba(rectangle(), 255)).quantize(method=Image.Quantize.FASTOCTREE)
    kinds: dict[str, Any] = {
        "bool": pixels > 0,
        "tensor": torch.from_numpy(pixels).float() / 255,
        "RGB": grey.convert("RGB"),
        "1": grey.convert("1"),
        "I;16": Image.fromarray(pixels.astype(np.uint16) * 257),
        "white and transparent": as_rgba(pixels, 255),
        "white over transparent black": Image.fromarray(as_rgba(pixels, 0)),
        "palette": palette,
    }
    for name, picture in {"png": grey, "webp": grey.convert("RGBA"), "tiff": kinds["I;16"], "gif": grey}.items():
        kinds[name] = tmp_path / f"mask.{name}"
        picture.save(kinds[name], **({"lossless": True} if name == "webp" else {}))
    for name, mask in kinds.items():
        assert torch.equal(Region.load(mask, SIZE).weights, same), name


def test_the_noise_of_a_jpeg_is_black_or_white(tmp_path: Path) -> None:
    noisy = np.where(rectangle(scale=8) > 0, 250, 5).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "mask.jpg", quality=90)
    found = Region.load(tmp_path / "mask.jpg", SIZE).weights
    assert (found - Region.load(rectangle(), SIZE).weights).abs().max() < 1e-6


def test_grey_changes_in_part_and_thin_parts_reach_their_grey() -> None:
    pixels = np.zeros(SIZE, np.float32)
    pixels[:, 20:40] = 0.5
    pixels[:, 50:53], pixels[:, 60] = 1, 1
    region = Region.load(pixels, SIZE, feather=0.1)
    assert region.weights[24, 30] == 0.5 and region.weights[24, 51] == 1 and region.weights[24, 60] == 1
    assert torch.equal(Region.load(pixels, SIZE, feather=0).weights, torch.from_numpy(pixels))


def test_a_composite_has_the_bits_of_one_picture_or_the_other() -> None:
    before, after = torch.randn(2, 3, 4, *SIZE)
    region = Region.load(rectangle(), SIZE, feather=0.1)
    mixed, weights = region.composite(before, after), region.weights
    assert torch.equal(mixed[..., weights == 0], before[..., weights == 0])
    assert torch.equal(mixed[..., weights == 1], after[..., weights == 1])
    between = (weights > 0) & (weights < 1)
    expected = torch.lerp(before, after, weights)[..., between]
    assert between.any() and (mixed[..., between] - expected).abs().max() < 1e-6
    broken = torch.where(weights > 0, after, torch.nan)
    assert region.composite(before, broken).isfinite().all()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros(SIZE, np.uint8), "black everywhere, so nothing may change; paint white"),
        (as_rgba(np.zeros(SIZE, np.uint8), 255), "black everywhere"),
        (np.ones((64, 64), np.uint8), "64 x 64 px, and the frame 64 x 48; draw it over the frame"),
        (np.full(SIZE, 2.0), r"beyond 0\.\.1"),
        (np.full(SIZE, np.nan), r"beyond 0\.\.1"),
        (np.ones((2, 3, 4, 5), np.uint8), r"\[2, 3, 4, 5\] of uint8 is no mask"),
        (np.ones(SIZE, np.int64), "int64 is no mask"),
        (np.ones((0, 0), np.uint8), "is no mask|0 x 0 px"),
    ],
)
def test_other_masks_are_refused(mask: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Region.load(mask, SIZE)


def test_files_that_are_no_mask_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    whole = tmp_path / "whole.png"
    Image.fromarray(rectangle()).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:-40])
    for name, words in {"none.png": "no file", "text.png": "cannot be read", "cut.png": "cannot be read"}.items():
        with pytest.raises(UsageError, match=words):
            Region.load(tmp_path / name, SIZE)
    with pytest.raises(UsageError, match="cannot be read"):
        Region.load(tmp_path, SIZE)
    for feather in (-0.1, float("nan"), 2):
        with pytest.raises(UsageError, match="feather"):
            Region.load(whole, SIZE, feather)


def test_an_edit_of_a_batch_keeps_the_bits_outside(models: Models) -> None:
    editor, size = Editor(models), models.generator.image_size
    region = Region.load(rectangle(size), size)
    latent, method = editor.sample(seeds=(0, 1)), Average(0.5)
    whole, masked = editor.edit(latent, PROMPT, method), editor.edit(latent, PROMPT, method, region=region)
    outside, inside = region.weights == 0, region.weights == 1
    assert torch.equal(masked.after[..., outside], masked.before[..., outside])
    assert torch.equal(masked.after[..., inside], whole.after[..., inside]) and inside.any()
    assert torch.equal(masked.edited.data, whole.edited.data) and masked.scores != whole.scores
    record = masked.record()["provenance"]["region"]
    assert record == {**region.record(), "feather": 0.03} and 0 < record["share"] < 0.25 and len(record["sha256"]) == 64
    assert "region" not in whole.record()["provenance"]


def test_an_editor_with_a_region_draws_and_edits_within_it(models: Models) -> None:
    plain, size, method = Editor(models), models.generator.image_size, Average(0.5)
    region, latent = Region.load(rectangle(size), size), plain.sample(seeds=(0, 1))
    editor = RegionEditor(models, region, latent)
    expected, found = plain.edit(latent, PROMPT, method, region=region), editor.edit(latent, PROMPT, method)
    assert torch.equal(found.after, expected.after) and found.scores == expected.scores and found.region is region
    assert torch.equal(editor.render(expected.edited), expected.after)
    assert torch.equal(editor.render(latent), plain.render(latent))
    sliders = [Slider(StyleStep.between(models, latent[:1], plain.sample(seed=2)))]
    together = plain.edit_together(latent, sliders, region=region)
    assert torch.equal(editor.edit_together(latent, sliders).after, together.after)
    assert not torch.equal(together.after, together.before)


def test_a_region_of_another_size_is_refused_before_the_edit(models: Models) -> None:
    editor, (height, width) = Editor(models), models.generator.image_size
    region = Region(torch.ones(height * 2, width * 2))
    with pytest.raises(UsageError, match=f"for pictures of {2 * width} x {2 * height} px, these have {width}"):
        editor.edit(editor.sample(), PROMPT, Average(0.5), region=region)


def test_a_region_keeps_the_photo_in_every_face(models: Models) -> None:
    """The right half of each frame may change; the frames of docs/photo.jpg stand upright."""
    everybody = Invert(refine=Refine(steps=1), face="all")
    weights = torch.zeros(models.generator.image_size)
    weights[:, weights.shape[1] // 2 :] = 1
    with Image.open(PHOTO) as picture:
        photo = picture.convert("RGB")
    edited = Editor(models).edit_photo(PHOTO, PROMPT, Average(0.5), everybody, region=Region(weights))
    changed = pixel_difference(edited.pasted[""], photo).max(axis=2) > 0
    assert changed.any() and len(edited.faces) == 3
    x, y = np.meshgrid(np.arange(photo.width), np.arange(photo.height))
    allowed = np.zeros_like(changed)
    for face in edited.faces:
        assert face.region is not None and face.results[""].record()["provenance"]["region"]["share"] == 0.5
        quad = face.inversion.aligned.quad
        assert quad is not None
        across, down = (quad[3] - quad[0]) / np.sum((quad[3] - quad[0]) ** 2), (quad[1] - quad[0])
        u = (x - quad[0, 0]) * across[0] + (y - quad[0, 1]) * across[1]
        v = ((x - quad[0, 0]) * down[0] + (y - quad[0, 1]) * down[1]) / np.sum(down**2)
        allowed |= (u > 0.499) & (u < 1.01) & (v > -0.01) & (v < 1.01)
    assert not changed[~allowed].any()
