"""Detectors as a table: another one, the doctor's checks, and the options."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from styleclip.alignment.align import align
from styleclip.alignment.detectors import DETECTORS, DetectorEntry, load_detector
from styleclip.alignment.face_search import Detector
from styleclip.alignment.photos import Photo
from styleclip.cli.commands.invert import invert as invert_command
from styleclip.diagnostics import CHECKS, Finding
from styleclip.errors import UsageError
from styleclip.weights.catalog import weight
from tests.helpers.faces import made_up_face
from tests.helpers.photos import astronaut


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
