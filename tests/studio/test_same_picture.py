"""The copied command and the copied Python make the very picture that the studio exports, to the bit."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import styleclip
from styleclip.directions.loading import save_direction
from styleclip.directions.own_files import save_latent_directions
from styleclip.images import read_record
from styleclip.models import Models
from styleclip.studio.drawing.faces import faces_of
from styleclip.studio.engine import Engine
from styleclip.studio.exports.command import command_of
from styleclip.studio.exports.export import Export, mask_file
from styleclip.studio.exports.python import python_of
from styleclip.studio.sessions import Session, Upload
from styleclip.studio.states.read_state import read_state
from styleclip.studio.states.restore import restore
from styleclip.studio.states.state import State
from styleclip.studio.web.uploads import read_file_upload
from styleclip.weights.locate import mapper_file
from tests.helpers.bash_words import words_in_bash
from tests.helpers.commands import invoke
from tests.helpers.photos import cached_mtcnn, read_rgb, remember_faces
from tests.helpers.studio import draw_state
from tests.helpers.studio_directions import fill_library, planted_directions

__all__ = ["cached_mtcnn"]  # a fixture
PORTRAITS = Path(__file__).parents[2] / "docs" / "photo.jpg"  # three on a wall


def half_size(path: Path) -> bytes:
    buffer = io.BytesIO()
    read_rgb(path).reduce(2).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


WALL = half_size(PORTRAITS)


@pytest.fixture(scope="module")
def engine(demo: Models) -> Iterator[Engine]:
    engine = Engine(demo)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def files(demo: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files that a browser has sent: a photo, directions and a mapper."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "wall.jpg").write_bytes(WALL)
    found = styleclip.GlobalDirection().find(demo, styleclip.Prompt("a bearded man"))
    save_direction(found, demo, folder / "beard.safetensors")
    turn, level = planted_directions(demo)
    save_latent_directions([turn, level], folder / "two.safetensors")
    np.save(folder / "pose.npy", -turn.data.numpy())  # as of TargetCLIP
    (folder / "me.safetensors").write_bytes(mapper_file("demo-surprised").read_bytes())
    return folder


@pytest.fixture(scope="module", autouse=True)
def library(demo: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A library for the studio and for the lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLECLIP_HOME", str(tmp_path_factory.mktemp("home")))
        fill_library(demo)
        yield


@pytest.fixture(scope="module")
def session(engine: Engine, demo: Models, files: Path) -> Session:
    """That browser."""
    session = engine.sessions.get("browser")
    with pytest.MonkeyPatch.context() as patch:
        remember_faces(patch)
        photo = faces_of(demo, WALL, "wall.jpg")
    session.uploads.put(Upload(sha256(WALL), "wall.jpg", "photo", WALL, photo))
    for name in ("beard.safetensors", "me.safetensors", "two.safetensors", "pose.npy"):
        session.uploads.put(read_file_upload(demo, (files / name).read_bytes(), name))
    return session


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


PHOTO = {"photo": {"sha256": sha256(WALL), "name": "wall.jpg", "face": 2, "refine": 2, "tune": 0}}
STROKES = [{"erase": False, "radius": 0.3, "points": [[0.4, 0.3], [0.6, 0.3]]}]
RED = {
    **{"kind": "text", "prompt": "a face with red hair", "strength": 0.8, "beta": 0.1},
    "neutral": ["a face with black hair", "a face with brown hair"],
}
GLASSES = {"kind": "text", "prompt": "a face with glasses", "strength": 1 / 3}
YOUNG = {"kind": "text", "prompt": "a young face", "strength": -0.7}
OLD = {"kind": "mapper", "name": "demo-old", "strength": 0.5}
BEARD = {"kind": "direction", "name": "beard.safetensors", "strength": 0.9}
ME = {"kind": "mapper", "name": "me.safetensors", "strength": -0.4}
FACES = {"kind": "direction", "name": "faces:turn", "strength": 1.1}
LEVEL = {"kind": "direction", "name": "two.safetensors", "key": "level", "strength": 0}
POSE = {"kind": "direction", "name": "pose.npy", "strength": -2.5}
BALD = {"kind": "optimize", "prompt": "a bald face", "strength": 0.6, "face": {"seed": 8, "psi": 0.9}}


def state_of(face: Mapping[str, Any], rows: list[Mapping[str, Any]], **more: Any) -> State:
    numbered = [{"id": f"r{i}", "on": True, **row} for i, row in enumerate(rows)]
    return read_state({"version": 1, "face": face, "rows": numbered, **more})


CASES: dict[str, tuple[Mapping[str, Any], list[Mapping[str, Any]], Any]] = {
    "nothing": ({"seed": 3, "psi": 0.7}, [], ()),
    "texts": ({"seed": 3, "psi": 0.7}, [RED, {**GLASSES, "strength": -1 / 3}, {**YOUNG, "on": False}], ()),
    "files": ({"seed": 5}, [BEARD, ME, OLD, RED], STROKES),
    "directions": ({"seed": 5}, [YOUNG, LEVEL, GLASSES, FACES, POSE], ()),
    "baked": ({"seed": 5}, [BALD, YOUNG, {**BALD, "strength": -0.1}], ()),
    "photo": (PHOTO, [GLASSES, OLD, {**BALD, "face": PHOTO}], STROKES),
}


@pytest.fixture(params=CASES)
def state(request: pytest.FixtureRequest, files: Path, demo: Models, monkeypatch: pytest.MonkeyPatch) -> State:
    """A state; the lines load models of their own in one case, and share those of the studio in the others."""
    if request.param != "texts":
        monkeypatch.setitem(vars(styleclip), "load", lambda name, **choices: {"demo": demo}[name])
    face, rows, strokes = CASES[request.param]
    hashes = {path.name: sha256(path.read_bytes()) for path in files.iterdir()}
    told = [{**row, **({"sha256": hashes[row["name"]]} if row.get("name") in hashes else {})} for row in rows]
    return state_of(face, told, strokes=[*strokes])


def run_command(text: str) -> None:
    for words in words_in_bash(text):
        result = invoke(*words)
        assert result.exit_code == 0, result.output


def run_python(text: str) -> None:
    exec(compile(text, "copied", "exec"), {})


@pytest.fixture
def folder(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the lines, with all files that a state may name."""
    place = tmp_path / "lines"
    shutil.copytree(files, place)
    monkeypatch.chdir(place)
    return place


def test_the_lines_make_the_exported_picture(
    engine: Engine, session: Session, state: State, folder: Path, demo: Models
) -> None:
    draw_state(engine, state, session, rest=True)
    edit = engine.edit_of(state, session)
    exported = Export("png").make(state, edit)
    assert restore(exported.content) == state
    if state.strokes:
        (folder / "mask.png").write_bytes(mask_file(state, demo.generator.image_size).content)
    photo = Export("photo", format="png").make(state, edit).content if edit.face.inversion else None
    if photo:
        told = read_record(photo)
        assert (told["pasted"], told["photo"], restore(photo)) == (True, "wall.jpg", state)
        assert str(folder.parents[1]) not in str(told) and "/" not in str(told["results"][0]["provenance"]["source"])
    available = {path.name for path in folder.iterdir()}
    for write, run in ((command_of, run_command), (python_of, run_python)):
        recipe = write(engine, state)
        assert set(recipe.files) <= available
        run(recipe.text)
        drawn = Path("edited/seed_0003.png") if "styleclip sample" in recipe.text else Path("edited/after.png")
        assert pixels(exported.content) == pixels(drawn.read_bytes())
        if photo:
            assert pixels(photo) == pixels(Path("edited/photo.png").read_bytes())
        (folder / "edited").rename(folder / f"edited by {run.__name__}")


def pixels(png: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(png)) as picture:
        return picture.mode, picture.size, picture.tobytes()
