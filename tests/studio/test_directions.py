"""Directions of the library and of files as rows: their list and facts, absolute ones, exports, and strange names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.directions.library import library_folder
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.editor import Editor
from styleclip.images import png_bytes, to_pil
from styleclip.latents import Space
from styleclip.methods.sliders import Slider
from styleclip.studio.drawing import directions
from styleclip.studio.engine import Engine
from styleclip.studio.states.restore import restore
from styleclip.studio.states.state import DirectionRow
from styleclip.weights.catalog import weight
from tests.helpers.studio import draw, pixels, row, state_of
from tests.helpers.studio_client import StudioClient, answer_to, frame, sentence_in
from tests.helpers.studio_directions import fill_library, planted_directions
from tests.helpers.support import assert_is_one_sentence


@pytest.fixture(scope="module", autouse=True)
def library(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLECLIP_HOME", str(tmp_path_factory.mktemp("home")))
        fill_library(engine.models)
        yield library_folder()


def named(name: str, strength: float | None = 1.5, **values: Any) -> dict[str, Any]:
    return {"id": "r1", "kind": "direction", "on": True, "strength": strength, "name": name, **values}


def facts_of(engine: Engine, *rows: dict[str, Any]) -> dict[str, Any]:
    """The facts of the first row."""
    facts: dict[str, Any] = draw(engine, [*rows], rest=True).facts["rows"]["r1"]
    return facts


def test_the_list_is_that_of_the_library_now(client: StudioClient, library: Path, engine: Engine) -> None:
    listed = client.get("/api/directions").json()["directions"]
    assert [(each["name"], each["pack"], each["title"], each["licence"], each["reason"]) for each in listed] == [
        ("alone", None, "alone", None, None),
        ("bad", None, "bad", None, "not readable"),
        ("other", None, "other", None, "for another generator"),
        ("faces:turn", "faces", "turn", "MIT; of a test", None),
        ("faces:level", "faces", "level", None, None),
    ]
    assert "was made for another generator" in listed[2]["fault"] and "/" not in listed[1]["fault"]
    added = save_latent_directions(planted_directions(engine.models)[:1], library / "added.safetensors")
    assert client.get("/api/directions").json()["directions"][0]["name"] == "added"
    added.unlink()
    assert len(client.get("/api/directions").json()["directions"]) == 5


def test_the_catalog_is_listed_where_it_is_on_this_disk(
    client: StudioClient, engine: Engine, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed() -> dict[str, tuple[str | None, str | None]]:
        found = client.get("/api/directions").json()["directions"]
        return {each["name"]: (each["licence"], each["reason"]) for each in found if each["pack"] == "catalog"}

    assert listed() == {}
    torch.save(torch.ones(1, engine.models.generator.config.w_dim), library.parent / "e4e-smile.pt")
    licence = "MIT; for use with a generator, whose own terms apply"
    assert listed() == {"e4e-smile": (licence, None)}
    facts = facts_of(engine, named("e4e-smile"))
    assert (facts["range"], facts["licence"]) == ([-2.5, 2.5], licence)
    monkeypatch.setattr(directions, "catalog_generator", lambda models: weight("ffhq"))
    assert listed()["e4e-age"] == (licence, "not downloaded") and len(listed()) > 20
    (library.parent / "e4e-smile.pt").unlink()


def test_the_facts_of_a_row(engine: Engine) -> None:
    facts = facts_of(engine, named("faces:turn", None))
    assert (facts["auto"], facts["unit"], facts["unit_of"], facts["range"]) == (0.7, 0.7, "identity", [-6.0, 8.0])
    assert (facts["licence"], facts["space"], facts["absolute"]) == ("MIT; of a test", "w+", False)
    assert "warning" not in facts and facts["channels"] > 0
    facts = facts_of(engine, named("alone", None))
    assert facts["auto"] == 2.0 and facts["warning"].startswith("its file does not tell the generator")
    assert facts_of(engine, named("faces:turn", 50))["range"] == [-6.0, 50.0]


def test_the_slider_of_a_strange_range_has_0_and_numbers_that_states_take(engine: Engine, library: Path) -> None:
    turn, _ = planted_directions(engine.models)
    for low, high, unit, shown, auto in (
        (2.0, 5.0, 1e-30, [0.0, 5.0], 2.0),
        (-5.0, -2.0, 1e30, [-5.0, 0.0], -2.0),
        (-1e30, 1e30, 1e30, [-100.0, 100.0], 100.0),
    ):
        strange = replace(turn, range=(low, high), unit=unit)
        save_latent_directions([strange], library / "strange.safetensors")
        facts = facts_of(engine, named("strange", None))
        assert (facts["range"], facts["auto"]) == (shown, auto)
    (library / "strange.safetensors").unlink()


def test_rows_of_texts_and_directions_add_up_as_sliders_do(engine: Engine) -> None:
    turn, level = planted_directions(engine.models)
    rows = [named("faces:turn"), named("faces:level", 0.0, id="r2"), row("a face with red hair", 0.5)]
    drawn = draw(engine, rows, rest=True)
    editor, sliders = Editor(engine.models), [Slider(turn, 1.5), Slider(level, 0.0)]
    text = engine.edit_of(state_of(rows), engine.sessions.get("browser")).sliders[2]
    [picture] = to_pil(editor.edit_together(editor.sample(3), [text, *sliders]).after)
    np.testing.assert_array_equal(pixels(drawn.picture), np.asarray(picture))
    without = draw(engine, [rows[0], {**rows[1], "on": False}, rows[2]], rest=True)
    assert np.abs(pixels(without.picture) - pixels(drawn.picture)).max() > 0, "an absolute one moves at 0 as well"


NO_NAMES = ["", ":", "faces:", "faces", "missing", "other", "bad", "../directions/alone", "e4e-age", "//host/x.npy"]


@pytest.mark.parametrize("name", [*NO_NAMES, "https://example.org/age.pt", "hf://owner/repo/age.pt", "/etc/passwd"])
def test_other_names_are_sentences_and_nothing_is_opened(engine: Engine, name: str, library: Path) -> None:
    sentence = facts_of(engine, named(name))["error"]
    assert_is_one_sentence(sentence)
    assert str(library) not in sentence and "Traceback" not in sentence


def test_a_name_is_no_path(engine: Engine, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = save_latent_directions(planted_directions(engine.models)[:1], library.parent / "outside.safetensors")
    monkeypatch.chdir(library.parent)
    for name in (outside.name, str(outside), f"{outside.name}:turn", "../outside"):
        assert "is no direction of the library" in facts_of(engine, named(name))["error"]


def test_a_replaced_direction_is_read_again(engine: Engine, library: Path) -> None:
    turn, _ = planted_directions(engine.models)
    path = save_latent_directions([turn], library / "later.safetensors")
    before = draw(engine, [named("later")], rest=True)
    save_latent_directions([replace(turn, data=-turn.data)], path)
    after = draw(engine, [named("later", -1.5)], rest=True)
    assert np.abs(pixels(after.picture) - pixels(before.picture)).max() <= 1  # the same sums, rounded otherwise
    path.unlink()
    assert "'later' is no direction" in facts_of(engine, named("later"))["error"]


def test_a_file_of_several_is_asked_for_one(client: StudioClient, engine: Engine, library: Path) -> None:
    content = (library / "faces.safetensors").read_bytes()
    answer = client.upload("/api/files", content, "../two é.safetensors").json()
    assert (answer["kind"], [each["name"] for each in answer["directions"]]) == ("direction", ["turn", "level"])
    upload = {"sha256": answer["sha256"], "name": answer["name"]}
    asked = client.post("/api/export", json={"state": frame(0, [named(**upload)])["state"], "what": "png"})
    assert asked.status_code == 422 and "holds 2 directions" in sentence_in(asked)
    state = frame(0, [named(key="turn", **upload)])["state"]
    files = {what: client.post("/api/export", json={"state": state, "what": what, "row": "r1"}) for what in EXPORTS}
    assert {what: answer.status_code for what, answer in files.items()} == dict.fromkeys(EXPORTS, 200)
    assert "--direction 'two é.safetensors:turn @ 1.5'" in files["command"].json()["text"]
    assert 'load_direction("two é.safetensors:turn", models), 1.5' in files["python"].json()["text"]
    assert "turn.safetensors" in files["direction"].headers["content-disposition"]
    (library.parent / "saved.safetensors").write_bytes(files["direction"].content)
    [saved] = read_latent_directions(library.parent / "saved.safetensors")
    assert (saved.name, saved.alpha, saved.unit, saved.space) == ("turn", 1.5, 0.7, Space.W_PLUS)
    [kept] = restore(files["png"].content).rows
    assert kept == DirectionRow("r1", True, 1.5, answer["name"], answer["sha256"], "turn")
    wide = Image.open(io.BytesIO(files["strip"].content))
    assert wide.width > 6 * engine.models.generator.image_size[1] - 1


EXPORTS = ("png", "command", "python", "direction", "strip")


def test_files_of_other_authors(client: StudioClient, engine: Engine) -> None:
    """The vector of a boundary as numpy saved it, which tells nothing; and a file of several tensors."""
    turn, level = planted_directions(engine.models)
    vector, pack = io.BytesIO(), io.BytesIO()
    np.save(vector, level.data.double().numpy())
    answer = client.upload("/api/files", vector.getvalue(), "age_boundary.npy").json()
    assert [each["name"] for each in answer["directions"]] == ["age_boundary"]
    with client.connect() as socket:
        facts, _ = answer_to(socket, frame(1, [named(answer["name"], None, sha256=answer["sha256"])]))
    told = facts["rows"]["r1"]
    assert "generator cannot be known" in told["warning"] and "age_boundary.npy" not in told["warning"]
    assert (told["auto"], told["range"], told["space"]) == (1.0, [-3.0, 3.0], "w")
    torch.save({"smile": turn.data[0], "old age": level.data}, pack)
    answer = client.upload("/api/files", pack.getvalue(), "edits.pt").json()
    assert [each["name"] for each in answer["directions"]] == ["smile", "old-age"]
    state = frame(0, [named("edits.pt", sha256=answer["sha256"], key="old-age")])["state"]
    lines = client.post("/api/export", json={"state": state, "what": "command"}).json()
    assert "--direction 'edits.pt:old-age @ 1.5'" in lines["text"] and lines["files"] == ["edits.pt"]


def test_a_file_of_another_generator_is_refused(client: StudioClient, library: Path) -> None:
    answer = client.upload("/api/files", (library / "other.safetensors").read_bytes(), "mine.safetensors")
    assert answer.status_code == 422
    assert sentence_in(answer) == "mine.safetensors: x was made for another generator; pass that one with --model"


def test_the_record_of_sliders_names_the_library(engine: Engine, library: Path) -> None:
    rows = [named("faces:turn"), named("alone", 0.5, id="r2")]
    edit = engine.edit_of(state_of(rows), engine.sessions.get("browser"))
    result = Editor(engine.models).edit_together(edit.face.latent, edit.sliders, about={"source": {"seeds": [3]}})
    assert restore(png_bytes(to_pil(result.after)[0], result.record())).rows == (
        DirectionRow("r1", True, 1.5, "faces:turn"),
        DirectionRow("r2", True, 0.5, "alone"),
    )
