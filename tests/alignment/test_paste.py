"""Faces pasted back into their photo: registration, blending at the seam, several faces and large photos."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from styleclip.alignment.framing import crop
from styleclip.alignment.paste import EDGE_PX, Piece, paste
from styleclip.errors import NumericError
from tests.helpers.pasting import SIZE, Array, crop_coordinates, smooth_photo, square, to_array, to_picture


def estimate_shift(photo: Image.Image, pasted: Image.Image, where: NDArray[np.bool_]) -> Array:
    """(x, y) px by which the pasted part has moved: least squares of difference = offset - shift . gradient.

    The offset is Pillow's, whose bilinear transform (the crop) rounds down.
    """
    before, after = to_array(photo), to_array(pasted)
    gy, gx = np.gradient(before, axis=(0, 1))
    columns = np.stack([gx[where].ravel(), gy[where].ravel(), np.ones(3 * where.sum())], axis=1)
    return -np.linalg.lstsq(columns, (after - before)[where].ravel(), rcond=None)[0][:2]


@pytest.mark.parametrize(
    ("centre", "side", "degrees", "output"),
    [
        ((350, 300), 300, 0, 300),
        ((350.3, 299.6), 300, 17, 300),
        ((350, 300), 300, -40, 256),
        ((350, 300), 300, 10, 1024),
        ((350, 300), 300, 100, 128),
        ((70, 80), 300, 12, 300),
        ((640, 560), 300, -20, 256),
        ((350, 300), 450, 90, 400),
        ((200, 200), 90, 33, 64),
        ((200, 200), 90, 33, 512),
    ],
)
def test_an_unchanged_crop_gives_the_photo_back(
    centre: tuple[float, float], side: float, degrees: float, output: int
) -> None:
    photo, quad = smooth_photo(), square(centre, side, degrees)
    pasted = paste(photo, [Piece(crop(photo, quad, output), quad)])
    u = crop_coordinates(quad, SIZE)
    inside = (np.abs(u - 0.5) < 0.3).all(axis=2)
    inside[:70] = inside[-70:] = inside[:, :70] = inside[:, -70:] = False  # the crop's padding blurs the photo's border
    outside = ((u <= 0) | (u >= 1)).any(axis=2)
    error = np.abs(to_array(pasted) - to_array(photo))
    assert pasted.size == photo.size and error[outside].max(initial=0) == 0
    assert error[inside].max() <= 4 and error[inside].mean() < 1.2
    assert np.abs(estimate_shift(photo, pasted, inside)).max() < 0.05


def test_detail_survives_the_reduction() -> None:
    """Noise in the photo, cropped finely, comes back with most of its contrast and no alias."""
    noise = np.random.default_rng(0).normal(128, 25, (300, 300, 3))
    photo, quad = to_picture(noise), square((149.5, 149.5), 200, 0)
    pasted = to_array(paste(photo, [Piece(crop(photo, quad, 800), quad)]))[110:190, 110:190]
    there = to_array(photo)[110:190, 110:190]
    assert np.corrcoef(pasted.ravel(), there.ravel())[0, 1] > 0.9
    assert pasted.std() > 0.6 * there.std()


def test_a_tint_is_matched_at_the_seam_and_kept_in_the_middle() -> None:
    photo, quad = smooth_photo(), square((350, 300), 300, 12)
    tinted = to_picture(to_array(crop(photo, quad, 256)) * 0.8 + (45, 5, 30))  # about +20, -20, +5
    change = to_array(paste(photo, [Piece(tinted, quad)])) - to_array(photo)
    distance = np.abs(crop_coordinates(quad, SIZE) - 0.5).max(axis=2)
    seam, middle = (distance > 0.36) & (distance < 0.5), distance < 0.1
    assert np.abs(change[seam].mean(axis=0)).max() < 1.5
    assert np.abs(change[middle].mean(axis=0) - (19.4, -20.6, 4.4)).max() < 2


def test_a_constant_offset_leaves_no_step() -> None:
    photo, quad = Image.new("RGB", SIZE, (120, 130, 140)), square((350, 300), 300)
    pasted = to_array(paste(photo, [Piece(Image.new("RGB", (256, 256), (140, 110, 145)), quad)]))
    row = pasted[300, :, 0]
    assert row[350] == 140 and row[0] == 120
    assert np.abs(np.diff(row)).max() <= 1  # 20 levels, and no two pixels differ by more than one
    assert np.abs(pasted - (120, 130, 140))[300, 200:225].max() <= 2  # where the mask falls


def test_a_strong_change_survives() -> None:
    photo, quad = smooth_photo(), square((350, 300), 300, -20)
    before = crop(photo, quad, 256)
    y, x = np.mgrid[:256, :256] / 256 - 0.5
    hair = np.exp(-((np.hypot(x / 0.3, (y + 0.1) / 0.3)) ** 6))[..., None]
    wanted = np.array([90.0, -80.0, 100.0])
    after = to_picture(to_array(before) * (1 - hair) + (to_array(before) * 0.3 + 90 + wanted * 0.7) * hair)
    for piece in (Piece(after, quad), Piece(after, quad, before=before)):
        back = to_array(crop(paste(photo, [piece]), quad, 256))
        asked, got = to_array(after) - to_array(before), back - to_array(before)
        strong = np.abs(asked) > 40
        assert (got[strong] * np.sign(asked[strong])).sum() > 0.8 * np.abs(asked[strong]).sum()


def test_where_the_crop_ends_with_the_photo_there_is_no_seam() -> None:
    """The whole photo is replaced, up to its last pixel, for any of these quads."""
    photo, edited = Image.new("RGB", (256, 256), "grey"), smooth_photo((256, 256))
    for low, high in ((-0.5, 255.5), (0.0, 256.0), (0.0, 255.0), (-EDGE_PX, 255 + EDGE_PX)):
        quad = np.array([[low, low], [low, high], [high, high], [high, low]])
        error = np.abs(to_array(paste(photo, [Piece(edited, quad)])) - to_array(edited))
        assert error.max() < 15 and error[100:150, 100:150].mean() < 2


def test_a_face_at_the_edge_is_pasted_up_to_the_edge() -> None:
    photo = Image.new("RGB", SIZE, "grey")
    pasted = to_array(paste(photo, [Piece(Image.new("RGB", (64, 64), "red"), square((350, 100), 300, 8))]))
    assert (pasted[:3, 300:400] == (255, 0, 0)).all()
    assert (pasted[275:] == 128).all() and (pasted[:, :175] == 128).all()


def test_two_faces_apart_do_not_see_each_other() -> None:
    photo = smooth_photo()
    left = Piece(Image.new("RGB", (64, 64), "red"), square((170, 300), 200, 10))
    right = Piece(Image.new("RGB", (64, 64), "blue"), square((420, 300), 280, -10))
    both, other = paste(photo, [left, right]), paste(photo, [right, left])
    assert both.tobytes() == other.tobytes()
    assert paste(paste(photo, [left]), [right]).tobytes() == both.tobytes()
    assert to_array(both)[300, 170].tolist() == [255, 0, 0] and to_array(both)[300, 420].tolist() == [0, 0, 255]


def test_overlapping_faces_share() -> None:
    """Each face keeps its middle in either order, and there is no hard edge between them."""
    photo = Image.new("RGB", SIZE, "grey")
    left = Piece(Image.new("RGB", (64, 64), (200, 60, 60)), square((270, 300), 280))
    right = Piece(Image.new("RGB", (64, 64), (60, 60, 200)), square((430, 300), 280))
    for pieces in ([left, right], [right, left]):
        pasted = to_array(paste(photo, pieces))
        assert pasted[300, 270].tolist() == [200, 60, 60] and pasted[300, 430].tolist() == [60, 60, 200]
        assert np.abs(np.diff(pasted[300], axis=0)).max() < 16


def test_a_huge_photo_is_touched_only_at_the_face() -> None:
    photo = Image.new("RGB", (9000, 6600), (90, 120, 150))
    tracemalloc.start()
    pasted = paste(photo, [Piece(Image.new("RGB", (256, 256), "red"), square((4000, 3000), 500, 30))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # bytes of arrays; the photo as float32 has 713e6
    assert pasted.size == photo.size and pasted.getpixel((4000, 3000)) == (255, 0, 0)


def test_a_large_face_is_blended_in_bands() -> None:
    """3000 px: several bands, and no line where they meet."""
    photo = Image.new("RGB", (3600, 3600), (90, 120, 150))
    pasted = np.asarray(
        paste(photo, [Piece(Image.new("RGB", (128, 128), (110, 100, 150)), square((1800, 1800), 3000))])
    )
    assert pasted[1800, 1800].tolist() == [110, 100, 150]
    assert np.abs(np.diff(pasted[:, 1800].astype(int), axis=0)).max() <= 1


@pytest.mark.parametrize("centre", [(-400, 300), (350, 5000), (1e9, 1e9), (-80, -80), (-132, 300)])
def test_a_square_outside_the_photo_changes_nothing(centre: tuple[float, float]) -> None:
    photo = smooth_photo()
    assert paste(photo, [Piece(photo.resize((64, 64)), square(centre, 200, 20))]).tobytes() == photo.tobytes()


def test_nothing_to_paste() -> None:
    photo = smooth_photo()
    pasted = paste(photo, [])
    assert pasted is not photo and pasted.tobytes() == photo.tobytes()


@pytest.mark.parametrize("quad", [np.full((4, 2), np.nan), np.full((4, 2), np.inf), square((350, 300), 0)])
def test_impossible_squares_are_named(quad: Array) -> None:
    with pytest.raises(NumericError, match="align the photo again"):
        paste(smooth_photo(), [Piece(Image.new("RGB", (64, 64)), quad)])


@pytest.mark.parametrize(("cells", "feathered"), [(64, False), (64, True), (1024, True)])
def test_the_photo_keeps_its_bytes_outside_of_a_region(cells: int, feathered: bool) -> None:
    photo, quad = smooth_photo(), square((350, 300), 300, 25)
    u = crop_coordinates(quad, SIZE)
    region = np.zeros((cells, cells), np.float32)
    region[: cells // 2, cells // 4 :] = 1
    if feathered:
        region[cells // 2 - cells // 16 : cells // 2] = np.linspace(0.95, 0, cells // 16)[:, None]
    piece = Piece(Image.new("RGB", (cells, cells), "red"), quad, region=region)
    changed = np.abs(to_array(paste(photo, [piece])) - to_array(photo)).max(axis=2) > 0
    places = [(u * cells + shift).astype(int).clip(0, cells - 1) for shift in (-0.01, 0.01)]  # Pillow rounds places
    outside = sum(region[place[..., 1], place[..., 0]] for place in places) == 0
    inside = (u > 0.02).all(axis=2) & (u < 0.98).all(axis=2)
    assert not changed[outside].any()
    assert changed[inside & (np.abs(u - (0.6, 0.25)) < 0.15).all(axis=2)].all()
    whole = paste(photo, [replace(piece, region=np.ones((8, 8), np.float32))])
    assert whole.tobytes() == paste(photo, [replace(piece, region=None)]).tobytes()
