"""The files that are made of a state: what they hold, what they are called, and what they do not tell."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.directions.loading import load_direction
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.images import read_record, to_pil
from styleclip.methods.sliders import Slider
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.regions import Region
from styleclip.studio.engine import Engine, StateEdit
from styleclip.studio.exports.export import Export, ExportedFile, mask_file, state_file
from styleclip.studio.states.restore import restore
from styleclip.studio.states.state import State
from styleclip.sweep_sheets import FRAMES
from tests.helpers.studio import OLD, RED, draw_state, row, state_of
from tests.helpers.support import decode_video

BALD = {"id": "bald", "kind": "optimize", "on": True, "strength": 0.6, "prompt": "a bald face", "face": {"seed": 4}}
MAPPER = {"id": "mapper", "kind": "mapper", "on": True, "strength": -0.25, "name": "demo-old"}
STROKES = [{"erase": False, "radius": 0.2, "points": [[0.5, 0.4]]}]
STATE = state_of([row(RED, 0.8), row(OLD, on=False), MAPPER, BALD], seed=4, strokes=STROKES)


@pytest.fixture(scope="module")
def engine(demo: Models) -> Iterator[Engine]:
    engine = Engine(demo)
    draw_state(engine, state_of([row(OLD)], seed=4))
    draw_state(engine, STATE)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def edit(engine: Engine) -> StateEdit:
    return engine.edit_of(STATE, engine.sessions.get("browser"))


def export(edit: StateEdit, what: str, row: str | None = None, **more: Any) -> ExportedFile:
    return Export(what, row, **more).make(STATE, edit)


def picture(file: ExportedFile) -> Image.Image:
    with Image.open(io.BytesIO(file.content)) as opened:
        return opened.convert("RGB")


def pixels(file: ExportedFile) -> np.ndarray:
    return np.asarray(picture(file)).astype(int)


def test_a_png_has_the_picture_at_full_resolution_with_its_record(edit: StateEdit, demo: Models) -> None:
    file = export(edit, "png")
    assert (file.name, file.media_type) == ("a-face-with-red-hair-demo-old-a-bald-face.png", "image/png")
    drawn = Editor(demo).edit_together(edit.face.latent, edit.sliders, region=edit.region)
    assert np.array_equal(pixels(file), np.asarray(to_pil(drawn.after)[0]))
    record = read_record(file.content)
    assert record["method"] == "sliders" and record["provenance"]["source"] == {"seeds": [4], "psi": 1.0}
    assert record["scores"] == drawn.scores
    assert restore(file.content) == STATE


def test_unknown_words_are_not_told_again(edit: StateEdit, demo: Models) -> None:
    """A warning would be an error here."""
    step = StyleStep(torch.zeros(1, demo.generator.layout.size), Prompt("a zorgly face"))
    told = read_record(export(replace(edit, sliders=[Slider(step)]), "png").content)
    assert told["prompt"] == "a zorgly face"


def test_pictures_tell_no_folder(edit: StateEdit) -> None:
    texts = json.dumps(read_record(export(edit, "png").content))
    assert not re.findall(r'"(?:[A-Za-z]:)?[/\\]|\.\./|file://', texts)
    assert str(Path.home()) not in texts


def test_a_jpeg_is_the_same_picture_without_a_record(edit: StateEdit) -> None:
    file = export(edit, "jpeg")
    assert (file.name[-4:], file.media_type) == (".jpg", "image/jpeg")
    assert np.abs(pixels(file) - pixels(export(edit, "png"))).mean() < 3
    with Image.open(io.BytesIO(file.content)) as opened:
        assert not set(opened.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_strip_shows_rising_strengths_of_a_row(edit: StateEdit) -> None:
    file = export(edit, "strip", RED)
    assert file.name == "a-face-with-red-hair-strip.png"
    assert picture(file).size == (8 + 6 * (256 + 8), 8 + 44 + 256 + 8)
    columns = [pixels(file)[60:300, 8 + 264 * i : 264 * (i + 1)] for i in range(6)]
    changes = [np.abs(column - columns[0]).mean() for column in columns]
    assert changes == sorted(changes) and changes[1] > 0


def test_a_strip_without_a_row_shows_before_and_after(edit: StateEdit) -> None:
    file = export(edit, "strip")
    assert picture(file).size[0] == 8 + 2 * (256 + 8)
    own, other = pixels(file)[60:300, 8:264], pixels(file)[60:300, 272:528]
    assert np.abs(own - other).max() > 10


def test_a_row_that_is_off_has_files_too(edit: StateEdit) -> None:
    assert export(edit, "strip", OLD).name == "an-old-face-strip.png"


def test_a_video_goes_there_and_back(edit: StateEdit, tmp_path: Path) -> None:
    file = export(edit, "video", RED)
    assert (file.name, file.media_type) == ("a-face-with-red-hair.mp4", "video/mp4")
    path = tmp_path / file.name
    path.write_bytes(file.content)
    frames = np.stack([*decode_video(path)]).astype(int)
    assert len(frames) == 2 * FRAMES - 2
    assert np.abs(frames[1] - frames[-1]).mean() < np.abs(frames[1] - frames[FRAMES]).mean() / 4


def test_the_direction_of_a_text_moves_as_its_row(edit: StateEdit, demo: Models, tmp_path: Path) -> None:
    file = export(edit, "direction", RED)
    path = tmp_path / file.name
    path.write_bytes(file.content)
    found = load_direction(path, demo)
    assert (file.name, found.alpha) == ("a-face-with-red-hair.safetensors", 0.8)
    moving = [each for each in edit.rows if each.moves]
    [slider] = [slider for slider, each in zip(edit.sliders, moving, strict=True) if each.row.id == RED]
    assert same_edit(demo, edit, slider, Slider(found, 0.8))


def test_the_direction_of_an_optimization_is_its_step(edit: StateEdit, demo: Models, tmp_path: Path) -> None:
    path = tmp_path / "bald.safetensors"
    path.write_bytes(export(edit, "direction", "bald").content)
    found = load_direction(path, demo)
    assert (found.prompt.target, found.alpha) == ("a bald face", 0.6)
    assert same_edit(demo, edit, edit.sliders[-1], Slider(found, 0.6))


def same_edit(demo: Models, edit: StateEdit, *sliders: Slider) -> bool:
    """Whether each slider alone makes the same latent and moves the face."""
    editor = Editor(demo)
    one, two = (editor.edit_together(edit.face.latent, [slider]).edited.data for slider in sliders)
    return bool((one == two).all()) and not bool((one == edit.face.in_s.data).all())


REFUSED = {
    "an unknown kind": (("gif", None, None), "'gif' cannot be exported; choose png, jpeg"),
    "a mapper": (("direction", "mapper", None), "a mapper gives every face a step of its own"),
    "no row": (("video", None, None), "a video is of one row; name it"),
    "an absent row": (("video", "r9", None), "the row is not"),
    "an unknown video": (("video", RED, "avi"), "'avi' is no format of a video; choose mp4 or gif"),
    "a photo of a seed": (("photo", None, None), "comes from a seed and has no photo"),
}


@pytest.mark.parametrize(("asked", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made_is_said(edit: StateEdit, asked: tuple[Any, Any, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Export(*asked).make(STATE, edit)


def test_a_row_whose_step_was_never_found_has_no_file(engine: Engine) -> None:
    state = state_of([row("a young face", on=False)], seed=4)
    edit = engine.edit_of(state, engine.sessions.get("browser"))
    with pytest.raises(UsageError, match="not known yet; switch it on"):
        Export("strip", "a young face").make(state, edit)


def test_strokes_that_leave_nothing_are_told(engine: Engine) -> None:
    erased = [*STROKES, {"erase": True, "radius": 0.5, "points": [[0.5, 0.4]]}]
    state = state_of([row(RED)], seed=4, strokes=erased)
    with pytest.raises(UsageError, match="nothing may change"):
        Export("png").make(state, engine.edit_of(state, engine.sessions.get("browser")))


def test_the_mask_is_the_region_of_the_edit(edit: StateEdit, demo: Models) -> None:
    file, size = mask_file(STATE, demo.generator.image_size), demo.generator.image_size
    assert (file.name, picture(file).size) == ("mask.png", size[::-1])
    assert edit.region is not None
    assert (Region.load(picture(file), size).weights == edit.region.weights).all()
    with pytest.raises(UsageError, match="nothing is painted"):
        mask_file(State(STATE.face), size)


def test_the_state_is_a_file_too() -> None:
    file = state_file(STATE)
    assert (file.name, file.media_type) == ("a-face-with-red-hair-demo-old-a-bald-face.json", "application/json")
    assert restore(file.content) == STATE
    assert state_file(State(STATE.face)).name == "seed-4.json"
