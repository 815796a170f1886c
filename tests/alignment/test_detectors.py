"""Faces found by the real MTCNN in a real photo, and the frames made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.alignment.align import ALREADY_ALIGNED, align
from styleclip.alignment.detectors import load_detector
from styleclip.alignment.face_choice import choose_faces
from styleclip.alignment.face_search import TURNS, Detector, Face, MultiScaleSearch
from styleclip.alignment.framing import FFHQ, Framing, Landmarks, center_quad, crop, outside_fraction
from styleclip.alignment.photos import Photo, read_photo
from styleclip.errors import NoFaceError, UsageError
from tests.helpers.faces import made_up_face
from tests.helpers.photos import GOLDEN, LANDMARKS, QUAD, STORED, astronaut, pixel_difference, stored_turned
from tests.helpers.support import assert_is_one_sentence

GREY = (90, 110, 130)
NEAR = 0.02  # of the crop's width: MTCNN's points against the reference's, which differ by 1 to 2 % of a face


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def mtcnn() -> Detector:
    return load_detector("mtcnn")


@pytest.fixture(scope="module")
def astronaut_face(mtcnn: Detector) -> Face:
    (face,) = mtcnn(astronaut())
    return face


def two_astronauts() -> Image.Image:
    """6000 x 4000 px with two astronauts, the larger one on the right."""
    photo = Image.new("RGB", (6000, 4000), GREY)
    photo.paste(astronaut(), (600, 2100))
    photo.paste(astronaut().resize((1536, 1536), Image.Resampling.BICUBIC), (4000, 300))
    return photo


def test_the_frame_of_mtcnn_is_that_of_ffhq(mtcnn: Detector, astronaut_face: Face) -> None:
    (aligned,) = align(Photo(astronaut()), mtcnn)
    assert aligned.quad is not None and aligned.note == "" and aligned.frame.size == (256, 256)
    expected = LANDMARKS.in_crop(QUAD)
    assert np.abs(astronaut_face.landmarks.in_crop(aligned.quad) - expected).max() < NEAR
    (again,) = mtcnn(aligned.frame)
    assert (
        np.abs(again.landmarks.in_crop(center_quad((256, 256))) - expected).max() < 2 * NEAR
    )  # two detections, two errors


def test_where_the_face_is(astronaut_face: Face) -> None:
    """Within 2 % of the crop's 163 px; the box holds the landmarks."""
    assert np.hypot(*(astronaut_face.landmarks.array() - LANDMARKS.array()).T).mean() < NEAR * 163
    left, top, right, bottom = astronaut_face.box
    x, y = astronaut_face.landmarks.array().T
    assert left < x.min() and x.max() < right and top < y.min() and y.max() < bottom
    assert 0.99 < astronaut_face.confidence <= 1


@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_gives_the_same_frame(
    tmp_path: Path, mtcnn: Detector, astronaut_face: Face, orientation: int
) -> None:
    """JPEG of this quality costs 1.4 grey levels on average and shifts the landmarks by less than 1 % of the crop."""
    stored, exif = stored_turned(astronaut(), orientation)
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (aligned,) = align(read_photo(tmp_path / "a.jpg"), mtcnn)
    quad = FFHQ.quad(astronaut_face.landmarks)
    assert pixel_difference(crop(aligned.photo.image, quad, 256), crop(astronaut(), quad, 256)).mean() < 2
    assert aligned.quad is not None and np.hypot(*(aligned.quad - quad).T).max() < NEAR * 163


def test_two_faces_in_a_large_photo(mtcnn: Detector, astronaut_face: Face) -> None:
    """Left to right, and as precise as in a photo of one face, at both sizes."""
    photo = Photo(two_astronauts())
    frames = align(photo, mtcnn, which="all")
    alone = crop(astronaut(), FFHQ.quad(astronaut_face.landmarks), 256)
    assert len(frames) == 2
    for aligned, scale, corner in zip(frames, (1, 3), ((600, 2100), (4000, 300)), strict=True):
        assert aligned.face is not None
        error = aligned.face.landmarks.array() - astronaut_face.landmarks.at(scale, corner).array()
        assert np.abs(error).max() < 0.01 * 163 * scale
        assert pixel_difference(aligned.frame, alone).mean() < 8  # 1 % of the width is 2.5 px of hair and eyes
    by_number = {which: choose_faces([a.face for a in frames if a.face], which) for which in (1, 2, "largest")}
    assert by_number[1] == [frames[0].face]
    assert by_number[2] == by_number["largest"] == [frames[1].face]


@pytest.mark.parametrize("picture", ["plain", "noise", "tiny"])
def test_no_face_is_a_sentence(mtcnn: Detector, picture: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8))
    pictures = {
        "plain": Image.new("RGB", (300, 200), GREY),
        "noise": noise.resize((400, 300), Image.Resampling.BICUBIC),
        "tiny": Image.new("RGB", (32, 700), GREY),
    }
    with pytest.raises(NoFaceError, match="looked for in copies of .* px; pass --no-align") as caught:
        align(Photo(pictures[picture], path=Path("a.jpg")), mtcnn)
    assert_is_one_sentence(str(caught.value))
    assert "a.jpg" in str(caught.value)


@pytest.mark.parametrize("degrees", [180])
def test_faces_that_do_not_stand_upright(mtcnn: Detector, degrees: int) -> None:
    """The same crop as of the upright photo, and a quad in the photo as it is."""
    close = astronaut().crop((110, 0, 350, 240))
    photo = Photo(close.transpose(TURNS[360 - degrees]))
    (aligned,) = align(photo, mtcnn)
    (upright,) = align(Photo(close), mtcnn)
    assert upright.face is not None and upright.quad is not None and aligned.quad is not None
    assert aligned.face is not None and aligned.face.turned == degrees
    assert aligned.note == f"the face was found with the photo turned by {degrees} degrees counter-clockwise"
    assert pixel_difference(aligned.frame, upright.frame).max() <= 1 and aligned.photo.image.size == photo.image.size
    assert aligned.face.landmarks.in_crop(aligned.quad) == pytest.approx(upright.face.landmarks.in_crop(upright.quad))
    left, top, right, bottom = aligned.face.box
    x, y = aligned.face.landmarks.array().T
    assert left < x.min() and x.max() < right and top < y.min() and y.max() < bottom


@pytest.mark.parametrize(("left", "noted"), [(0, False), (170, False), (225, True)])
def test_half_faces_have_a_note(astronaut_face: Face, left: int, noted: bool) -> None:
    """The left border of the photo at the crop's edge, beside the face, and through the eye."""
    photo = astronaut().crop((left, 0, 512, 512))
    shifted = astronaut_face.at(1, (-left, 0))
    (aligned,) = align(Photo(photo), lambda image: [shifted])
    assert ("% of the crop lies outside the photo and was invented" in aligned.note) is noted
    fraction = outside_fraction(FFHQ.quad(shifted.landmarks), photo.size)
    assert fraction == pytest.approx(max(0, left - 139) / 173, abs=0.05)


def test_an_unsure_face_has_a_note() -> None:
    search = MultiScaleSearch(lambda image: [made_up_face(0, 200, 0.5).at(image.height / 200)], min_confidence=0.9)
    (aligned,) = align(Photo(Image.new("RGB", (200, 200))), search, force=True, framing=Framing(0.5, 0.5))
    assert aligned.note == "the detector is not sure that this is a face"


def test_aligned_crops_stay_as_they_are(mtcnn: Detector) -> None:
    frame = Image.fromarray(GOLDEN["aligned"])
    (kept,) = align(Photo(frame), mtcnn)
    assert kept.quad is None and kept.note == ALREADY_ALIGNED and kept.face is not None
    assert pixel_difference(kept.frame, frame).max() == 0
    (forced,) = align(Photo(frame), mtcnn, force=True)
    assert forced.quad is not None and forced.note == ""
    (small,) = align(Photo(frame), mtcnn, size=(64, 64))
    assert pixel_difference(small.frame, frame.resize((64, 64), Image.Resampling.LANCZOS)).max() == 0
    (loose,) = align(Photo(frame), mtcnn, framing=Framing(eyes=1.5, mouth=1.35))
    assert loose.quad is not None  # aligned by FFHQ is not aligned for a generator of tighter faces


def forbidden_detector(image: Image.Image) -> list[Face]:
    raise AssertionError("no detector should run here")


def test_pictures_of_ours_are_not_searched() -> None:
    frame = Image.fromarray(GOLDEN["aligned"])
    (kept,) = align(Photo(frame, aligned=True), forbidden_detector)
    assert (kept.quad, kept.face, kept.note) == (None, None, ALREADY_ALIGNED)
    with pytest.raises(AssertionError, match="no detector"):
        align(Photo(frame, aligned=True), forbidden_detector, force=True)
    with pytest.raises(AssertionError, match="no detector"):
        align(Photo(Image.new("RGB", (300, 100)), aligned=True), forbidden_detector)  # a sheet of ours is no crop


def test_taken_as_it_is() -> None:
    (kept,) = align(Photo(astronaut()), forbidden_detector, size=(128, 128), force=False)
    assert (kept.quad, kept.frame.size) == (None, (128, 128))
    assert align(Photo(Image.new("RGB", (100, 101))), forbidden_detector, force=False)[0].frame.size == (256, 256)
    wide = astronaut().crop((0, 100, 512, 401))
    for detector in (forbidden_detector, None):  # of faces, and of other things: the middle, as for generators of these
        (middle,) = align(Photo(wide), detector, size=(301, 301), force=False)
        assert pixel_difference(middle.frame, wide.crop((105, 0, 406, 301))).max() == 0 and middle.quad is not None
        assert middle.note == "is 512 x 301 px and no square; its middle was taken"
    for size in (0, -5):
        with pytest.raises(UsageError, match="use 1 px or more"):
            align(Photo(astronaut()), forbidden_detector, size=(size, size), force=False)


def test_other_things_than_faces() -> None:
    """The middle of the picture; the quad is where `crop` would find the same pixels."""
    photo = Photo(astronaut().crop((0, 100, 512, 401)))
    (aligned,) = align(photo, None, size=(301, 301))
    assert aligned.quad is not None
    assert pixel_difference(aligned.frame, photo.image.crop((105, 0, 406, 301))).max() == 0
    assert pixel_difference(crop(photo.image, aligned.quad, 301), aligned.frame)[40:-40, 40:-40].max() == 0
    assert align(Photo(astronaut()), None)[0].quad is None
    with pytest.raises(UsageError, match="draws no faces"):
        align(photo, None, force=True)


def test_a_face_without_size_names_the_photo() -> None:
    point = Face(Landmarks(*np.zeros((4, 2))), (0, 0, 1, 1), 1.0)
    with pytest.raises(NoFaceError, match="^a.jpg: the landmarks .*; pass another picture$"):
        align(Photo(astronaut(), path=Path("a.jpg")), lambda image: [point])
