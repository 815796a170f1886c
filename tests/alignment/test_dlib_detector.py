"""The dlib detector and its files of landmark predictors."""

from __future__ import annotations

import bz2
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from styleclip.alignment import dlib_detector, dlib_predictor
from styleclip.alignment.detectors import load_detector
from styleclip.diagnostics import CHECKS
from styleclip.errors import UsageError, WeightError, WeightWarning
from styleclip.weights.cache import check, fetch
from styleclip.weights.catalog import weight, weights
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats import landmarks
from tests.helpers.photos import GOLDEN, LANDMARKS, astronaut
from tests.helpers.predictors import integer, vector
from tests.helpers.predictors import predictor as predictor_bytes
from tests.helpers.support import assert_is_one_sentence

Pack = Callable[[bytes], bytes]
pytestmark = pytest.mark.filterwarnings("ignore:.*is not the published predictor")


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
    packed.write_bytes(b"BZh, no longer needed")
    dlib_predictor.load_predictor(packed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.dat", "points.dat.bz2"]


def test_a_packed_file_of_something_else_leaves_nothing(tmp_path: Path) -> None:
    packed = tmp_path / "photo.bz2"
    packed.write_bytes(bz2.compress(b"no predictor"))
    with pytest.raises(WeightError, match=r"photo\.bz2: it is not a shape predictor of dlib; run"):
        dlib_predictor.load_predictor(packed)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.bz2"]


def publish(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let the file at `path` be the published predictor, unpacked."""
    entry = replace(weight("landmarks-68"), unpacked_sha256=sha256_of(path))
    monkeypatch.setitem(weights(), "landmarks-68", entry)


def test_the_published_predictor_is_known_by_its_hash(predictor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(WeightWarning, match="is not the published predictor of 68 landmarks; use it only if you know"):
        dlib_predictor.load_predictor(predictor)
    publish(monkeypatch, predictor)
    monkeypatch.setattr(landmarks, "read_predictor", lambda _: pytest.fail("its structure is known"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dlib_predictor.load_predictor(predictor)


@pytest.mark.parametrize("name", ["points", "points.bz2", "points.dat.bz2", "align.dat"])
@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_the_content_and_not_the_name_decides(tmp_path: Path, predictor: Path, name: str, pack: Pack) -> None:
    (tmp_path / name).write_bytes(pack(predictor.read_bytes()))
    dlib_predictor.load_predictor(tmp_path / name)


@pytest.mark.parametrize("packed", [False, True])
def test_an_unpacked_file_in_the_cache(
    tmp_path: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path))
    entry = weight("landmarks-68")
    assert check(entry) == "absent; run `styleclip models pull landmarks-68`"
    dat = tmp_path / "shape_predictor_68_face_landmarks.dat"
    dat.write_bytes(predictor.read_bytes())
    if packed:
        entry.path.write_bytes(bz2.compress(predictor.read_bytes()))
        entry = replace(entry, size=None, sha256=sha256_of(entry.path))
    assert entry.on_disk == fetch(entry, offline=True) == (entry.path if packed else dat)
    assert load_detector("dlib")
    assert check(entry).startswith(f"the sha256 of {dat.name} is {sha256_of(dat)} and not fbdc2cb8")
    assert check(replace(entry, unpacked_sha256=sha256_of(dat))) == "ok (sha256, unpacked)"
    assert CHECKS["landmarks"]().value.endswith(entry.on_disk.name)
    if packed:
        entry.path.write_bytes(b"BZh another")
        assert check(entry).startswith("its sha256 is")


def test_a_file_that_changes_while_dlib_reads_it(
    tmp_path: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(predictor.read_bytes())

    def overwrite(name: str) -> object:
        Path(name).write_bytes(predictor.read_bytes() + b"\0")
        return object()

    monkeypatch.setattr(dlib_predictor, "import_dlib", lambda: types.SimpleNamespace(shape_predictor=overwrite))
    with pytest.raises(WeightError, match="a.dat was changed while it was read; try again"):
        dlib_predictor.load_predictor(path)


def test_predictors_of_other_points(tmp_path: Path) -> None:
    five = train_predictor(tmp_path / "five.dat", GOLDEN["landmarks"][:5])
    with pytest.raises(WeightError, match="is a predictor of 5 landmarks instead of 68") as caught:
        load_detector("dlib", five)
    assert_is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.dat", lambda whole: whole[: len(whole) // 2], "it ends too early"),
        ("a.dat", lambda whole: whole[:5], "it ends too early"),
        ("a.dat", lambda whole: b"", "is not a shape predictor"),
        ("a.dat", lambda whole: b"GIF89a and so on", "is not a shape predictor"),
        ("a.dat", None, "there is no file"),
        ("a.dat.bz2", lambda whole: bz2.compress(whole)[:-100], "is damaged or cut off"),
        (
            "a.dat",
            lambda whole: predictor_bytes(anchors=vector([vector(map(integer, [68] * 4))] * 2)),
            "that is not there",
        ),
        ("a.dat.bz2", lambda whole: bz2.compress(bytes(3 << 20)), "unpacks to more than 2 MB"),
        ("a.dat.bz2", lambda whole: bz2.compress(b"text"), "is not a shape predictor"),
    ],
)
def test_files_that_are_no_predictor(
    tmp_path: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: object, words: str
) -> None:
    monkeypatch.setattr(landmarks, "MAX_BYTES", 2 << 20)
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
