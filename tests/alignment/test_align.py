"""The FFHQ crop: equal to the recorded reference, true to its formula, and defined for every place and size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from styleclip.alignment.framing import FFHQ, Framing, Landmarks, center_quad, crop, is_aligned, is_square
from styleclip.errors import NoFaceError, UsageError
from tests.helpers.photos import GOLDEN, LANDMARKS, QUAD, astronaut, pixel_difference

FACE = np.array([[-5.0, 0.0], [5.0, 0.0], [-3.0, 10.0], [3.0, 10.0]])  # eyes 10 px apart, the mouth 10 px below
NOT_NUMBERS = np.full((4, 2), np.nan)


def square(left: float, top: float, side: float) -> np.ndarray:
    return np.array([[left, top], [left, top + side], [left + side, top + side], [left + side, top]])


def rotate(points: np.ndarray, degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    return points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])


def test_the_crop_is_that_of_the_reference() -> None:
    """To one grey level, which is what another Pillow may round differently."""
    assert (pixel_difference(crop(astronaut(), QUAD, 256), GOLDEN["aligned"]) <= 1).mean() >= 0.99


def test_the_quad_of_a_face_by_hand() -> None:
    """Half a side is max(2 * 10, 1.8 * 10) = 20 px, and the centre 0.1 * 10 px below the eyes."""
    assert np.allclose(FFHQ.quad(Landmarks(*FACE)), square(-20, -19, 40))
    long = Landmarks(*(FACE * [1, 2]))
    assert np.allclose(FFHQ.quad(long), square(-36, -34, 72))
    assert np.allclose(Framing(eyes=3, mouth=1, down=0.5).quad(long), square(-30, -20, 60))


@pytest.mark.parametrize("degrees", [0, 30, -90, 180])
@pytest.mark.parametrize("scale", [0.1, 70])
def test_the_quad_goes_with_the_face(degrees: float, scale: float) -> None:
    moved = Landmarks(*(rotate(FACE, degrees) * scale + [300, -20]))
    assert np.allclose(FFHQ.quad(moved), rotate(square(-20, -19, 40), degrees) * scale + [300, -20])
    upright = [[0.375, 0.475], [0.625, 0.475], [0.425, 0.725], [0.575, 0.725]]  # of FACE in its own crop
    assert np.allclose(moved.in_crop(FFHQ.quad(moved)), upright)


@pytest.mark.parametrize("degrees", [-30, 0, 20])
def test_an_upright_square_is_as_large_and_has_the_sides_of_the_picture(degrees: float) -> None:
    turned = Landmarks(*rotate(FACE, degrees))
    upright, aligned = Framing(upright=True).quad(turned), FFHQ.quad(turned)
    assert np.allclose(upright.mean(axis=0), aligned.mean(axis=0))
    half = np.hypot(*(aligned[3] - aligned[0])) / 2
    assert np.allclose(upright - upright.mean(axis=0), half * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]))


def test_five_and_68_points_name_the_same_places() -> None:
    five = [LANDMARKS.eye_left, LANDMARKS.eye_right, [0, 0], LANDMARKS.mouth_left, LANDMARKS.mouth_right]
    assert (Landmarks.from_five(five).array() == LANDMARKS.array()).all()
    assert (LANDMARKS.mouth_left == GOLDEN["landmarks"][48]).all()
    with pytest.raises(UsageError, match=r"expected 68 landmarks as \[68, 2\], got \[5, 2\]"):
        Landmarks.from_68(np.zeros((5, 2)))


def test_landmarks_follow_a_picture_that_is_enlarged() -> None:
    """Px (0, 0) of a picture becomes px 0..3 of one four times as large: its centre goes to 1.5."""
    moved = Landmarks(*np.array([[0.0, 0.0]] * 4)).at(4, (10, 20))
    assert (moved.array() == [11.5, 21.5]).all()


@pytest.mark.parametrize("places", [np.zeros((4, 2)), np.full((4, 2), 7.0), NOT_NUMBERS, np.full((4, 2), np.inf)])
def test_no_face_has_no_quad(places: np.ndarray) -> None:
    with pytest.raises(NoFaceError, match="; pass another picture"):
        FFHQ.quad(Landmarks(*places))


def test_a_square_of_whole_pixels_is_cut_out() -> None:
    """A quad on the edges of pixels, far from the border and as large as the crop, takes the pixels as they are."""
    photo = astronaut()
    assert pixel_difference(crop(photo, square(99.5, 149.5, 200), 200), photo.crop((100, 150, 300, 350))).max() == 0


def test_more_than_the_photo_is_mirrored_and_fades() -> None:
    """The same crop, with and without what is beyond a new border: the middle is equal, the far end is the median."""
    photo, quad = astronaut(), square(100.2, 99.6, 180)
    full = crop(photo, quad, 128)
    part = crop(photo.crop((150, 0, 512, 512)), quad - [150, 0], 128)
    padding = 150 - 100 + 18  # what lies outside and a border of 0.1 sides; the blur begins a third of it inside
    clear = round((150 - 100 + padding / 3) / 180 * 128)
    assert pixel_difference(full, part)[:, clear + 1 :].max() <= 1
    assert pixel_difference(full, part)[:, :30].mean() > 5
    white = crop(Image.new("RGB", (200, 200), "white"), square(-120, -80, 300), 64)
    assert white.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("size", [(32, 32), (512, 1), (1, 512), (40, 700), (2, 2)])
@pytest.mark.parametrize(
    "quad",
    [
        square(-0.5, -0.5, 32),
        square(-1, -2, 34.5),
        square(-3000, -2000, 5000),
        square(0, 0, 0.5),
        square(0.2, 0.2, 1e-3),
        square(-500, 0, 500),
        rotate(square(-30, -30, 60), 37),
        square(-1e6, -1e6, 2e6),
    ],
    ids=lambda quad: f"{quad[3, 0] - quad[0, 0]:.4g}",
)
def test_every_place_gives_a_crop(size: tuple[int, int], quad: np.ndarray) -> None:
    """Without a warning, which would be an error here, and with the photo's own colour."""
    frame = crop(Image.new("RGB", size, (10, 200, 30)), quad, 64)
    assert frame.size == (64, 64)
    assert abs(np.asarray(frame).astype(int) - [10, 200, 30]).max() <= 1


def test_large_photos_are_reduced_first() -> None:
    """Four times the pixels, and the same crop; bicubic enlargement and the reduction differ by less than 2 levels."""
    photo = astronaut()
    large = photo.resize((2048, 2048), Image.Resampling.BICUBIC)
    scaled = FFHQ.quad(LANDMARKS.at(4))
    assert pixel_difference(crop(large, scaled, 128), crop(photo, QUAD, 128)).mean() < 2


def test_supersampling_is_a_parameter() -> None:
    """FFHQ's crop is smoother than e4e's, and otherwise the same."""
    plain, fine = crop(astronaut(), QUAD, 64), crop(astronaut(), QUAD, 64, transform_size=256)
    assert plain.size == fine.size == (64, 64)
    assert 0 < pixel_difference(plain, fine).mean() < 8


@pytest.mark.parametrize(
    "quad", [square(600, 0, 90), square(0, -300, 200), square(3, 3, 0), NOT_NUMBERS, np.zeros((2, 2))]
)
def test_no_crop_of_nothing(quad: np.ndarray) -> None:
    with pytest.raises(NoFaceError, match="; pass (the whole photo|another picture)"):
        crop(astronaut(), quad, 64)


@pytest.mark.parametrize(("size", "transform"), [(0, None), (-1, None), (64, 32), (10**6, None)])
def test_senseless_sizes(size: int, transform: int | None) -> None:
    with pytest.raises(UsageError, match="; use 1 to"):
        crop(astronaut(), QUAD, size, transform)


def test_whole_pictures() -> None:
    assert (center_quad((100, 100)) == square(-0.5, -0.5, 100)).all()
    assert (center_quad((101, 50)) == square(24.5, -0.5, 50)).all()
    assert is_square((1000, 1010)) and not is_square((1000, 1011))


@pytest.mark.parametrize(
    ("quad", "aligned"),
    [
        (center_quad((200, 200)), True),
        (center_quad((200, 200)) + [8, 8], True),  # 11 px of 200
        (center_quad((200, 200)) + [9, 9], False),  # 13 px
        (square(-8, -8, 216), True),  # 8 % wider: each corner 11 px off
        (square(-9, -9, 218), False),
        (np.roll(center_quad((200, 200)), 1, axis=0), False),  # lies on its side
        (square(50, 50, 100), False),
    ],
)
def test_what_counts_as_aligned(quad: np.ndarray, aligned: bool) -> None:
    assert is_aligned(quad, (200, 200)) is aligned
    assert not is_aligned(quad, (200, 210))
