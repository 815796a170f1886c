"""dlib's shape predictors: the whole structure is checked before dlib, which follows any index, reads a file."""

from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np
import pytest

from styleclip.errors import WeightError
from styleclip.weights.describe import describe
from styleclip.weights.formats import dlib_integers, landmarks
from styleclip.weights.formats.dlib_integers import find_integers
from styleclip.weights.formats.landmarks import parse_predictor
from tests.helpers.predictors import integer, matrix, number, predictor, tree, vector

SPLITS = [(0, 1, 3.0), (1, 2, -2.5), (2, 3, 0.0)]


def forests(*trees: bytes) -> bytes:
    return vector([vector(trees)] * 2)


def test_dlib_reads_what_is_sound(tmp_path: Path) -> None:
    dlib = pytest.importorskip("dlib")
    path = tmp_path / "a.dat"
    path.write_bytes(predictor())
    found = landmarks.read_predictor(path)
    assert (found.landmarks, found.cascades, found.trees, found.splits, found.pixels) == (68, 2, 2, 6, 4)
    points = dlib.shape_predictor(str(path))(np.zeros((40, 40), np.uint8), dlib.rectangle(0, 0, 20, 20)).parts()
    assert len(points) == 68 and (points[0].x, points[0].y) == (20, 20), "0.5 of the box, and 0.25 of two leaves"


@pytest.mark.parametrize("count", [2, 5, 81, 194])
def test_any_number_of_landmarks_is_described(tmp_path: Path, count: int) -> None:
    for name, pack in (("a.dat", bytes), ("a.dat.bz2", bz2.compress)):
        (tmp_path / name).write_bytes(pack(predictor(count)))
        [part] = describe(tmp_path / name)["parts"]
        assert part["kind"] == "landmarks" and part["format"] == "dlib shape predictor"
        assert (part["landmarks"], part["cascades"], part["trees"]) == (count, 2, 2)
        assert "no commercial use" in part["licence"] and "parameters" not in part


BAD_INDEX = "a split compares a pixel that is not there"
NOT_SOUND = {
    "version": ({"version": integer(2)}, "not a shape predictor"),
    "odd shape": ({"shape": matrix([0.5] * 135)}, "not a shape predictor"),
    "wide shape": ({"shape": matrix([0.5] * 136, columns=2)}, "not a shape predictor"),
    "shape of nothing": ({"shape": integer(0) + integer(-1)}, "not a shape predictor"),
    "large shape": ({"shape": integer(-(10**9)) + integer(-1)}, "not a shape predictor"),
    "NaN": ({"shape": matrix([0.5] * 135 + [float("nan")])}, "infinite, NaN"),
    "infinity": ({"shape": matrix([float("-inf")] + [0.5] * 135)}, "infinite, NaN"),
    "a large number": ({"shape": matrix([1e30] + [0.5] * 135)}, "infinite, NaN"),
    "a large exponent": ({"shape": matrix([0.5] * 136)[:-4] + integer(1) + integer(10**6)}, "infinite, NaN"),
    "first index": ({"forests": forests(tree(68, [(4, 0, 1.0)]))}, BAD_INDEX),
    "second index": ({"forests": forests(tree(68, [*SPLITS, (0, 10**9, 1.0)]))}, BAD_INDEX),
    "an index of 8 bytes": ({"forests": forests(tree(68, [(0, 2**61, 1.0)]))}, BAD_INDEX),
    "an index of more": ({"forests": forests(tree(68, [(0, 2**63, 1.0)]))}, "larger than any"),
    "negative index": ({"forests": forests(tree(68, [(-1, 0, 1.0)]))}, "a negative index"),
    "an index of the last tree": (
        {"forests": vector([vector([tree(68, SPLITS)]), vector([tree(68, SPLITS), tree(68, [(0, 4, 1.0)])])])},
        BAD_INDEX,
    ),
    "threshold": ({"forests": forests(tree(68, [(0, 1, float("inf"))]))}, "infinite, NaN"),
    "few leaves": ({"forests": forests(tree(68, SPLITS, leaves=3))}, "not one leaf more"),
    "many leaves": ({"forests": forests(tree(68, SPLITS, leaves=5))}, "not one leaf more"),
    "short leaf": ({"forests": forests(tree(68, SPLITS, leaf=matrix([0.25] * 134)))}, "another shape"),
    "leaf of nothing": (
        {"forests": forests(tree(68, [], leaf=integer(0) + integer(-1)))},
        "ends too early|another shape",
    ),
    "wide leaf": ({"forests": forests(tree(68, SPLITS, leaf=matrix([0.25] * 136, columns=2)))}, "another shape"),
    "NaN in a leaf": ({"forests": forests(tree(68, SPLITS, leaf=matrix([float("nan")] * 136)))}, "infinite, NaN"),
    "anchor": ({"anchors": vector([vector(map(integer, (0, 1, 2, 68)))] * 2)}, "a landmark that is not there"),
    "negative anchor": ({"anchors": vector([vector(map(integer, (0, 1, 2, -1)))] * 2)}, "a landmark that is not there"),
    "few anchors": ({"anchors": vector([vector(map(integer, (0, 1, 2)))] * 2)}, BAD_INDEX),
    "no anchors": ({"anchors": vector([b"\x01\x00"] * 2)}, BAD_INDEX),
    "anchors of one cascade": ({"anchors": vector([vector(map(integer, (0, 1, 2, 3)))])}, "another number of cascades"),
    "offsets of one cascade": ({"deltas": vector([vector([number(0.0) * 2] * 4)])}, "another number of cascades"),
    "few offsets": ({"deltas": vector([vector([number(0.0) * 2] * 3)] * 2)}, "another number of offsets"),
    "NaN in an offset": ({"deltas": vector([vector([number(float("nan")) * 2] * 4)] * 2)}, "infinite, NaN"),
    "a long list": ({"forests": integer(2**40)}, "longer than the file"),
    "a negative length": ({"forests": integer(-2)}, "longer than the file"),
    "an integer of no bytes": ({"forests": b"\x00"}, "an integer in it is none"),
    "an integer of 9 bytes": ({"forests": b"\x09" + bytes(9)}, "an integer in it is none"),
    "text": ({"forests": b"and so on" * 99}, "an integer in it is none|larger than any"),
    "nothing behind the shape": ({"forests": b"", "anchors": b"", "deltas": b""}, "ends too early"),
}


@pytest.mark.parametrize("case", NOT_SOUND)
def test_what_is_not_sound(case: str) -> None:
    pieces, words = NOT_SOUND[case]
    with pytest.raises(WeightError, match=words):
        parse_predictor(predictor(**pieces))


def test_every_cut_is_found() -> None:
    whole = predictor(2)
    for size in range(1, len(whole)):
        with pytest.raises(WeightError):
            parse_predictor(whole[:size])
    assert parse_predictor(whole).trailing_bytes == 0


def test_cascades_and_trees_of_nothing() -> None:
    empty = vector([vector([])])
    assert parse_predictor(predictor(forests=empty, anchors=empty, deltas=empty)).trees == 0
    none = vector([])
    assert parse_predictor(predictor(forests=none, anchors=none, deltas=none)).cascades == 0
    assert parse_predictor(predictor(forests=forests(tree(68, [])))).splits == 0


def test_bytes_behind_are_ignored_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(predictor(5, rest=b"\xff" * 70_000))
    with pytest.warns(UserWarning, match="70,000 bytes follow the predictor and are ignored"):
        describe(tmp_path / "a.dat")


def test_a_file_of_any_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks, "MAX_BYTES", 3000)
    for name, pack in (("a.dat", bytes), ("a.dat.bz2", bz2.compress)):
        (tmp_path / name).write_bytes(pack(predictor()))
        with pytest.raises(WeightError, match="than 0 MB, which no shape predictor"):
            describe(tmp_path / name)


def test_other_packed_files_are_no_predictor(tmp_path: Path) -> None:
    (tmp_path / "a.bz2").write_bytes(bz2.compress(b"text"))
    with pytest.raises(WeightError, match="it is compressed with bzip2; unpack it first"):
        describe(tmp_path / "a.bz2")


def test_other_networks_of_dlib_are_named(tmp_path: Path) -> None:
    (tmp_path / "mmod.dat").write_bytes(b"\1\1\1\x0bloss_mmod_3" + bytes(range(200)))
    with pytest.raises(WeightError, match=r"a neural network of dlib \(loss_mmod\), not a shape predictor; pass"):
        describe(tmp_path / "mmod.dat")


def test_a_file_is_walked_as_far_as_it_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros behind the first landmarks are refused before the rest of a file is looked at."""
    monkeypatch.setattr(landmarks, "SEGMENT", 4096)
    assert parse_predictor(predictor()).landmarks == 68, "of several segments"
    walked: list[int] = []
    find = landmarks.find_integers
    monkeypatch.setattr(landmarks, "find_integers", lambda data: walked.append(len(data)) or find(data))
    with pytest.raises(WeightError, match="an integer in it is none"):
        parse_predictor(predictor(forests=bytes(100_000)))
    assert sum(walked) <= 2 * 4096


@pytest.mark.parametrize("kind", ["any", "short", "zero", "periodic"])
def test_integers_are_found_as_one_by_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks, also where a walk that begins anywhere does not meet the right one."""
    monkeypatch.setattr(dlib_integers, "BLOCK", 256)
    monkeypatch.setattr(dlib_integers, "RUN_UP", 32)
    random = np.random.default_rng(0).integers(0, 256, 5000, np.uint8)
    made = {
        "any": random,
        "short": random % 3,
        "zero": random * 0,
        "periodic": np.tile([8, *[2] * 8], 500).astype(np.uint8),
    }
    data, at, starts = made[kind], 0, []
    while at < len(data):
        starts.append(at)
        at += int(dlib_integers.STEPS[data[at]])
    padded = np.concatenate([data, np.zeros(dlib_integers.MAX_STEP, np.uint8)])
    assert np.flatnonzero(find_integers(padded)[: len(data)]).tolist() == starts
