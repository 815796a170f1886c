"""The mask of a pasted face: its edge, its shape and its growth with the edit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from styleclip.alignment.face_mask import face_mask
from styleclip.alignment.framing import crop
from styleclip.alignment.paste import Piece, paste
from tests.helpers.pasting import SIZE, crop_coordinates, smooth_photo, square, to_array, to_picture


@pytest.mark.parametrize("degrees", [0, 25])
def test_pixels_outside_the_mask_keep_their_bytes(degrees: float) -> None:
    noise = to_picture(np.random.default_rng(0).uniform(0, 255, (*SIZE[::-1], 3)))
    quad = square((350, 300), 250, degrees)
    pasted = paste(noise, [Piece(Image.new("RGB", (64, 64), "red"), quad)])
    near = (np.abs(crop_coordinates(quad, SIZE) - 0.5) < 0.5 - 0.01).all(axis=2)
    changed = (to_array(pasted) != to_array(noise)).any(axis=2)
    assert changed.any() and not (changed & ~near).any()
    assert noise.tobytes() != pasted.tobytes()


@pytest.mark.parametrize("size", [16, 32, 64, 100, 256, 300])
def test_the_mask_falls_from_one_to_zero(size: int) -> None:
    mask = face_mask(size)
    assert mask.shape == (size, size) and mask.dtype == np.float32
    assert mask.min() >= 0 and mask.max() <= 1 + 1e-6
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert (border == 0).all()
    middle = mask[size // 4 : -(size // 4), size // 3 : -(size // 3)]
    assert np.allclose(middle, 1, atol=1e-5)
    assert np.abs(np.diff(mask, axis=0)).max() * size < 25  # no step: at least 0.04 of the side from 1 to 0


def test_the_mask_follows_the_landmarks() -> None:
    usual = np.array([[0.375, 0.475], [0.625, 0.475], [0.44, 0.74], [0.56, 0.74]])
    assert np.abs(face_mask(128, usual) - face_mask(128)).mean() < 0.02
    small = 0.3 + 0.5 * (usual - 0.5)  # half as large, and around (0.3, 0.3)
    mask = face_mask(128, small)
    assert mask.mean() < 0.5 * face_mask(128).mean()
    y, x = (mask.sum(axis=axis) @ np.arange(128) / mask.sum() / 128 for axis in (1, 0))
    assert abs(x - 0.3) < 0.03 and abs(y - 0.3) < 0.03
    assert mask[[0, -1]].max() == 0 and mask[:, [0, -1]].max() == 0


def test_the_mask_grows_to_what_the_edit_changed() -> None:
    photo, quad = smooth_photo(), square((350, 300), 300)
    before = crop(photo, quad, 256)
    pixels = to_array(before)
    pixels[200:240, 18:60] = (255, 0, 0)  # a corner that the ellipse leaves out
    after = to_picture(pixels)
    u = crop_coordinates(quad, SIZE)
    patch = (np.abs(u - [0.17, 0.86]) < [0.03, 0.03]).all(axis=2)
    plain, grown = (to_array(paste(photo, [Piece(after, quad, before=b)]))[patch].mean(axis=0) for b in (None, before))
    assert np.abs(grown - (255, 0, 0)).max() < 10
    assert np.abs(plain - (255, 0, 0)).max() > 60
