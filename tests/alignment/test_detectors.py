"""Faces found by the real MTCNN and the real dlib in a real photo, and the frames made of them."""

from __future__ import annotations

import bz2
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.alignment import dlib_detector, dlib_predictor
from styleclip.alignment.align import ALREADY_ALIGNED, align
from styleclip.alignment.detectors import DETECTORS, DetectorEntry, load_detector
from styleclip.alignment.face_choice import choose_faces
from styleclip.alignment.face_search import Detector, Face, MultiScaleSearch, remove_duplicates, search_sizes
from styleclip.alignment.framing import FFHQ, Framing, Landmarks, center_quad, crop
from styleclip.alignment.photos import Photo, read_photo
from styleclip.cli.commands.doctor import CHECKS
from styleclip.cli.commands.doctor.checks import Finding
from styleclip.cli.commands.invert import invert as invert_command
from styleclip.errors import NoFaceError, PhotoError, UsageError, WeightError
from styleclip.weights.catalog import weight
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


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_predictor(tmp_path_factory.mktemp("dlib") / "points.dat", GOLDEN["landmarks"])


def train_predictor(path: Path, landmarks: np.ndarray) -> Path:
    """A shape predictor that dlib learned from one face in two sizes and 40 boxes around it."""
    import dlib

    options = dlib.shape_predictor_training_options()
    options.tree_depth, options.cascade_depth, options.num_trees_per_cascade_level = 2, 5, 40
    options.nu, options.oversampling_amount, options.feature_pool_size, options.num_test_splits = 0.2, 1, 100, 20
    options.random_seed = "0"
    rng, pictures, faces = np.random.default_rng(0), [], []
    for scale in (1, 2):
        pictures.append(np.asarray(astronaut().resize((512 * scale, 512 * scale))))
        points = [dlib.point(round(x), round(y)) for x, y in landmarks * scale]
        offsets, sizes = (
            rng.uniform(-7, 7, (20, 2)),
            rng.uniform(41, 50, 20),
        )  # the HOG detector's box: 90 px about 220, 121
        corners = np.array([220.0, 121.0]) + offsets
        boxes = np.rint(np.concatenate([corners - sizes[:, None], corners + sizes[:, None]], axis=1) * scale).astype(
            int
        )
        faces.append([dlib.full_object_detection(dlib.rectangle(*box), points) for box in boxes.tolist()])
    dlib.train_shape_predictor(pictures, faces, options).save(str(path))
    return path


def made_up_face(left: float, side: float, confidence: float = 1.0) -> Face:
    """A face of this box, 10 px from the top."""
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.35, 0.8], [0.65, 0.8]]) * side + [left, 10]
    return Face(Landmarks(*points), (left, 10, left + side, 10 + side), confidence)


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


def test_choices() -> None:
    faces = [made_up_face(500, 80), made_up_face(10, 40), made_up_face(200, 120)]
    assert choose_faces(faces, "all") == [faces[1], faces[2], faces[0]]
    assert choose_faces(faces) == [faces[2]]
    assert [choose_faces(faces, n) for n in (1, 2, 3)] == [[faces[1]], [faces[2]], [faces[0]]]
    with pytest.raises(NoFaceError, match="me.jpg has 3 faces and no number 4; use 1 to 3, which count from the left"):
        choose_faces(faces, 4, "me.jpg")
    with pytest.raises(NoFaceError, match="has 1 face and no number 2; use 1$"):
        choose_faces(faces[:1], 2)
    for senseless in (0, -1, True, "smallest"):
        with pytest.raises(UsageError, match="use largest, all or a number from 1"):
            choose_faces(faces, senseless)  # type: ignore[arg-type]


def test_other_sizes_are_searched_and_faces_detected_again() -> None:
    """A detector that finds a face of 300 px only in copies of one size, and a false one everywhere."""
    seen: list[tuple[int, int]] = []

    def look(image: Image.Image) -> list[Face]:
        seen.append(image.size)
        scale = image.width / 4000
        real = [made_up_face(900, 300).at(scale)] if image.width == 3200 else []
        return [made_up_face(100, 50, confidence=0.5).at(scale), *real] if image.width > 1000 else []

    faces = MultiScaleSearch(look, min_confidence=0.9)(Image.new("RGB", (4000, 2000)))
    assert seen[0] == (1600, 800) and (3200, 1600) in seen and (800, 400) not in seen
    assert len(faces) == 1 and np.allclose(faces[0].box, (900, 10, 1200, 310))
    once = MultiScaleSearch(lambda image: [made_up_face(1, 9, 0.5)] if image.width > 999 else [], 0.9)
    assert once(Image.new("RGB", (1600, 99))) == []


def test_copies_and_duplicates() -> None:
    assert search_sizes((9000, 6000)) == [(1600, 1067), (3200, 2133), (800, 533)]
    assert search_sizes((512, 500)) == [(512, 500), (1024, 1000)]
    one, shifted, other = made_up_face(100, 100, 0.8), made_up_face(110, 100, 0.9), made_up_face(190, 100, 0.7)
    assert remove_duplicates([one, shifted, other]) == [shifted, other]


def test_aligned_crops_stay_as_they_are(mtcnn: Detector) -> None:
    frame = Image.fromarray(GOLDEN["aligned"])
    (kept,) = align(Photo(frame), mtcnn)
    assert kept.quad is None and kept.note == ALREADY_ALIGNED and kept.face is not None
    assert pixel_difference(kept.frame, frame).max() == 0
    (forced,) = align(Photo(frame), mtcnn, force=True)
    assert forced.quad is not None and forced.note == ""
    (small,) = align(Photo(frame), mtcnn, size=64)
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
    (kept,) = align(Photo(astronaut()), forbidden_detector, size=128, force=False)
    assert (kept.quad, kept.frame.size) == (None, (128, 128))
    assert align(Photo(Image.new("RGB", (100, 101))), forbidden_detector, force=False)[0].frame.size == (256, 256)
    with pytest.raises(PhotoError, match="is 100 x 150 px and no square; crop it to one") as caught:
        align(Photo(Image.new("RGB", (100, 150)), path=Path("a.png")), forbidden_detector, force=False)
    assert_is_one_sentence(str(caught.value))
    for size in (0, -5):
        with pytest.raises(UsageError, match="use 1 px or more"):
            align(Photo(astronaut()), forbidden_detector, size=size, force=False)


def test_other_things_than_faces() -> None:
    """The middle of the picture; the quad is where `crop` would find the same pixels."""
    photo = Photo(astronaut().crop((0, 100, 512, 401)))
    (aligned,) = align(photo, None, size=301)
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


def test_dlib_finds_the_points_it_learned(predictor: Path) -> None:
    """Box and points are whole px, and the predictor has seen one face: 3 % of the crop's width."""
    faces = load_detector("dlib", predictor)(astronaut())
    assert len(faces) == 1  # the badge on her suit looks like a face to HOG, with a tenth of the margin
    assert np.abs(faces[0].landmarks.array() - LANDMARKS.array()).max() < 0.03 * 163


def test_a_packed_predictor_is_unpacked_once(tmp_path: Path, predictor: Path) -> None:
    packed = tmp_path / "points.dat.bz2"
    packed.write_bytes(bz2.compress(predictor.read_bytes()))
    dlib_predictor.load_predictor(packed)
    unpacked = tmp_path / "points.dat"
    assert unpacked.read_bytes() == predictor.read_bytes()
    packed.write_bytes(b"no longer needed")
    dlib_predictor.load_predictor(packed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.dat", "points.dat.bz2"]


def test_predictors_of_other_points(tmp_path: Path) -> None:
    five = train_predictor(tmp_path / "five.dat", GOLDEN["landmarks"][:5])
    with pytest.raises(WeightError, match="is a predictor of 5 landmarks instead of 68") as caught:
        load_detector("dlib", five)
    assert_is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.dat", lambda whole: whole[: len(whole) // 2], "is damaged or cut off"),
        ("a.dat", lambda whole: whole[:5], "is not a shape predictor"),
        ("a.dat", lambda whole: b"", "is not a shape predictor"),
        ("a.dat", lambda whole: b"GIF89a and so on", "is not a shape predictor"),
        ("a.dat", None, "there is no file"),
        ("a.dat.bz2", lambda whole: bz2.compress(whole)[:-100], "is damaged or cut off"),
        ("a.dat.bz2", lambda whole: whole, "is damaged or cut off"),
        ("a.dat.bz2", lambda whole: bz2.compress(bytes(3 << 20)), "unpacks to more than 2 MB"),
        ("a.dat.bz2", lambda whole: bz2.compress(b"text"), "is not a shape predictor"),
    ],
)
def test_files_that_are_no_predictor(
    tmp_path: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: object, words: str
) -> None:
    monkeypatch.setattr(dlib_predictor, "MAX_BYTES", 2 << 20)
    if callable(content):
        (tmp_path / name).write_bytes(content(predictor.read_bytes()))
    with pytest.raises(WeightError, match=words) as caught:
        load_detector("dlib", tmp_path / name)
    assert_is_one_sentence(str(caught.value))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_without_dlib(monkeypatch: pytest.MonkeyPatch, predictor: Path) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(UsageError, match="run `pip install dlib-bin` or use --landmarks mtcnn"):
        dlib_detector.load("cpu", predictor)


# --- the table


def test_the_predictor_that_was_pulled_is_used(
    tmp_path: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    with pytest.raises(
        UsageError, match="dlib's landmarks need its predictor; run `styleclip models pull landmarks-68`"
    ):
        load_detector("dlib")
    pulled = weight("landmarks-68").path
    pulled.write_bytes(bz2.compress(predictor.read_bytes()))
    assert pulled.parent == tmp_path and len(load_detector("dlib")(astronaut())) == 1


def register_toy(monkeypatch: pytest.MonkeyPatch, entry: DetectorEntry, **functions: object) -> None:
    """A detector as one of another project would be: a module and a line in the table."""
    module = types.ModuleType("toy_detector")
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, "toy_detector", module)
    monkeypatch.setitem(DETECTORS, "toy", entry)


def test_another_detector_is_a_module_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[tuple[str, Path | None]] = []

    def load(device: str, predictor: Path | None) -> Detector:
        loads.append((device, predictor))
        return lambda image: [made_up_face(100, image.width / 4)]

    register_toy(monkeypatch, DetectorEntry("toy_detector"), load=load)
    for _ in range(2):
        (aligned,) = align(Photo(astronaut()), load_detector("toy"))
    assert aligned.face is not None and aligned.face.box == (100, 10, 228, 138)
    assert loads == [("cpu", None)]  # loaded once, and kept
    with pytest.raises(UsageError, match="no detector is called 'eyes'; use mtcnn or dlib or toy"):
        load_detector("eyes")


def test_the_doctor_examines_every_detector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    assert {"faces", "landmarks"} <= CHECKS.keys()
    assert CHECKS["faces"]() == Finding("MTCNN of facenet-pytorch", needed=True)
    dlib = CHECKS["landmarks"]()
    assert dlib.value.startswith("dlib ") and "models pull landmarks-68" in dlib.remedy and not dlib.needed
    weight("landmarks-68").path.touch()
    assert CHECKS["landmarks"]().value.endswith(".dat.bz2") and not CHECKS["landmarks"]().remedy
    monkeypatch.setitem(sys.modules, "dlib", None)
    absent = Finding("dlib is not installed", "run `pip install dlib-bin` or use --landmarks mtcnn")
    assert CHECKS["landmarks"]() == absent


def test_the_options_name_the_table() -> None:
    options = {option.name: option.type for option in invert_command.params}
    assert [*options["landmarks"].choices] == [*DETECTORS]
