"""Children in the studio: listed from files, drawn at any amount, and the lines that draw the same picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import styleclip
from styleclip.models import Models
from styleclip.studio.engine import Engine
from styleclip.studio.exports.command import command_of
from styleclip.studio.exports.export import Export
from styleclip.studio.exports.python import python_of
from styleclip.studio.states.read_state import StateError, read_state
from styleclip.studio.states.restore import restore
from styleclip.studio.states.state import State
from styleclip.studio.web.server import create_app
from tests.helpers.bash_words import words_in_bash
from tests.helpers.children import save_grey_child
from tests.helpers.commands import invoke
from tests.helpers.studio import draw_state, pixels
from tests.helpers.studio_client import StudioClient

RED = {"id": "r1", "kind": "text", "on": True, "prompt": "a face with red hair", "strength": 0.8}
BALD = {**RED, "id": "r2", "kind": "optimize", "prompt": "a bald face", "face": {"seed": 8}}


@pytest.fixture(scope="module")
def home(demo: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder with a child of the demo, and other files."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "children").mkdir()
    save_grey_child(folder / "children" / "grey.safetensors", demo)
    (folder / "children" / "notes.safetensors").write_text("no child")
    shutil.copy(Path(styleclip.__file__).parents[1] / "checkpoints/demo/generator.safetensors", folder / "children")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLECLIP_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def engine(demo: Models, home: Path) -> Iterator[Engine]:
    engine = Engine(demo)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def grey(engine: Engine) -> dict[str, Any]:
    [child] = engine.children.find_all()
    return {"name": child.name, "sha256": child.sha256}


def state_of(child: Mapping[str, Any] | None, rows: list[Mapping[str, Any]] | None = None, **more: Any) -> State:
    return read_state({"version": 1, "face": {"seed": 5}, "rows": rows or [], "child": child, **more})


def saturation(picture: np.ndarray) -> float:
    return float(np.ptp(picture, axis=2).mean())


def test_the_list_is_that_of_the_folder_and_of_the_start(
    engine: Engine, demo: Models, home: Path, tmp_path: Path
) -> None:
    about = StudioClient(create_app(engine)).get("/api/about").json()
    [child] = about["children"]
    assert (child["name"], child["target"], about["child"]) == ("grey", "a black and white photo", None)
    (tmp_path / "more").mkdir()
    named = tmp_path / "more" / "mine.safetensors"
    shutil.copy(home / "children" / "grey.safetensors", named)
    other = Engine(demo, children=[named, tmp_path / "more"])
    assert [each.name for each in other.children.find_all()] == ["mine"]
    other.close()


def test_the_amount_goes_from_the_generator_to_its_child(engine: Engine, grey: dict[str, Any]) -> None:
    drawn = {
        amount: pixels(draw_state(engine, state_of({**grey, "amount": amount}, [RED]), rest=True).picture)
        for amount in (0, 0.5, 1)
    }
    plain = pixels(draw_state(engine, state_of(None, [RED]), rest=True).picture)
    assert (drawn[0] == plain).all()
    assert saturation(drawn[1]) < 4 and 0.3 < saturation(drawn[0.5]) / saturation(plain) < 0.7
    layers = state_of({**grey, "amount": 1, "parent_layers": f"0-{engine.models.generator.num_ws - 1}"}, [RED])
    assert (pixels(draw_state(engine, layers, rest=True).picture) == plain).all()


def test_thumbnails_follow(engine: Engine, grey: dict[str, Any]) -> None:
    client = StudioClient(create_app(engine))
    query = f"/api/thumbnail?seed=3&child={grey['sha256']}"
    plain, half, whole = (
        saturation(pixels(client.get(path).content)) for path in ("/api/thumbnail?seed=3", f"{query}&amount=0.5", query)
    )
    assert whole < 4 < half < plain
    assert client.get("/api/thumbnail?seed=3&child=x").is_error


@pytest.mark.parametrize(
    ("child", "rows"),
    [({"amount": 0.35}, [RED]), ({"amount": 1.0, "parent_layers": "0-2,5"}, [BALD, RED]), ({"amount": 0.5}, [])],
    ids=["text", "baked", "nothing"],
)
def test_the_lines_make_the_exported_picture(
    engine: Engine,
    grey: dict[str, Any],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    child: Any,
    rows: Any,
) -> None:
    state = state_of({**grey, **child}, rows)
    session = engine.sessions.get("browser")
    draw_state(engine, state, session, rest=True)
    exported = Export("png").make(state, engine.edit_of(state, session))
    assert restore(exported.content) == state
    monkeypatch.chdir(tmp_path)
    shutil.copy(home / "children" / "grey.safetensors", tmp_path)
    command, python = command_of(engine, state), python_of(engine, state)
    assert "grey.safetensors" in command.files and command.files == python.files
    for words in words_in_bash(command.text):
        assert invoke(*words).exit_code == 0
    drawn = Path("edited/after.png" if rows else "edited/seed_0005.png")
    assert (pixels(drawn.read_bytes()) == pixels(exported.content)).all()
    told = restore(drawn.read_bytes())
    assert told.child == state.child and told.model == engine.models.generator_fingerprint
    drawn.unlink()
    Path("edited").rename("by command")
    exec(compile(python.text, "copied", "exec"), {})
    assert (pixels(Path("edited/after.png").read_bytes()) == pixels(exported.content)).all()


def test_a_child_that_is_not_here(engine: Engine) -> None:
    drawn = draw_state(engine, state_of({"name": "sketch", "sha256": "0" * 64}), rest=True)
    assert "does not have the child sketch; put its file into the folder children" in drawn.facts["notes"][0]
    assert (pixels(drawn.picture) == pixels(draw_state(engine, state_of(None), rest=True).picture)).all()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": 1.5}, "the amount of the child"),
        ({"sha256": "../x"}, "the child"),
        ({"parent_layers": "a-b"}, "is not a list of layers"),
        ({"parent_layers": 3}, "the layers of the parent"),
    ],
)
def test_a_child_that_cannot_be_read(change: dict[str, Any], why: str) -> None:
    with pytest.raises(StateError, match=why):
        state_of({"name": "grey", "sha256": "0" * 64, **change})


def test_a_layer_that_is_not_there(engine: Engine, grey: dict[str, Any]) -> None:
    drawn = draw_state(engine, state_of({**grey, "parent_layers": "40"}), rest=True)
    last = engine.models.generator.num_ws - 1
    assert f"grey cannot be used: layer 40 is not among 0-{last}" in drawn.facts["notes"][0]


def test_a_studio_that_starts_with_a_child(home: Path, grey: dict[str, Any]) -> None:
    path = home / "children" / "grey.safetensors"
    engine = Engine(styleclip.load(str(path), amount=0.5), str(path))
    about = StudioClient(create_app(engine)).get("/api/about").json()
    assert about["model"]["name"] == "demo" and about["child"] == {**grey, "amount": 0.5, "parent_layers": ""}
    plain = command_of(engine, state_of(None)).text
    assert "--model grey.safetensors --amount 0 " in plain
    assert "--amount 0.5 " in command_of(engine, state_of(about["child"])).text
    engine.close()
