"""The state comes back from a PNG of the studio, its JSON, and PNGs of the command line; nothing else does harm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import styleclip
from styleclip.errors import UsageError
from styleclip.images import png_bytes
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.studio.states.read_state import StateError
from styleclip.studio.states.restore import STUDIO_KEY, restore
from styleclip.studio.states.state import DirectionRow, MapperRow, OptimizeRow, Sample, TextRow
from styleclip.sweep_edits import Edit
from styleclip.weights.locate import mapper_file
from tests.helpers.commands import invoke

STATE = {
    "version": 1,
    "model": "m" * 64,
    "face": {"photo": {"sha256": "a" * 64, "name": "me.jpg", "face": 2, "refine": 50, "tune": 0}},
    "rows": [
        {
            **{"id": "r1", "kind": "text", "on": True, "strength": 1 / 3, "prompt": "a face with red hair"},
            **{"neutral": ["a face"], "relevance": "auto", "beta": None},
        },
        {"id": "r2", "kind": "text", "strength": "much"},
        {"id": "r3", "kind": "direction", "on": False, "strength": None, "name": "b", "sha256": "b" * 64},
    ],
    "strokes": [{"erase": False, "radius": 0.1, "points": [[0.1, 1 / 3]]}],
}


def png(record: Any) -> bytes:
    return png_bytes(Image.new("RGB", (4, 4)), record)


def test_a_picture_of_the_studio_brings_its_state() -> None:
    for content in (png({"method": "sliders", STUDIO_KEY: STATE}), json.dumps(STATE).encode()):
        assert restore(content).record() == STATE


NO_STATE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "carries no styleclip record; pass a PNG"),
    "text": (b"hello", "carries no styleclip record"),
    "bare": (png_bytes(Image.new("RGB", (4, 4))), "carries no styleclip record"),
    "broken JSON": (b'{"version": 1', "holds no state of the studio; pass one that it exported"),
    "deep JSON": (b'{"a":' * 100_000, "holds no state"),
    "no UTF-8": (b'{"a": "\xff"}', "holds no state"),
    "long JSON": (b'{"a": "' + bytes(2**22) + b'"}', "holds no state"),
    "no state": (b"{}", "holds no state of the studio"),
    "another version": (png({STUDIO_KEY: {**STATE, "version": 2}}), "version"),
    "a list": (png({STUDIO_KEY: [1]}), "not an object"),
    "no face": (png({STUDIO_KEY: {**STATE, "face": None}}), "the face is"),
    "infinite": (png({STUDIO_KEY: {**STATE, "face": {"seed": 1, "psi": 1e999}}}), "psi"),
    "an inversion": (png({"photo": "me.jpg", "stages": []}), "tells no edit of a seed; drop one"),
    "no provenance": (png({"method": "sliders", "provenance": 3}), "tells no edit"),
    "a seed of text": (png({"command": "sample", "seed": "3", "psi": 1, "generator": {}}), "the seed is '3'"),
    "unequal lists": (
        png(
            {
                "method": "sliders",
                "settings": {"sliders": [{}]},
                "provenance": {"generator": {}, "source": {"seeds": [1]}, "directions": []},
            }
        ),
        "tells no edit",
    ),
}


@pytest.mark.parametrize(("content", "sentence"), NO_STATE.values(), ids=NO_STATE)
def test_other_bytes_are_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        restore(content)
    assert len(str(caught.value)) < 200


def test_too_many_rows_are_refused() -> None:
    rows = [{"id": f"r{i}", "kind": "text"} for i in range(25)]
    with pytest.raises(StateError, match="24"):
        restore(png({STUDIO_KEY: {**STATE, "rows": rows}}))


def about(**source: Any) -> Mapping[str, Any]:
    return {"source": {"seeds": [3], **source}}


def restored(result: styleclip.EditResult) -> Any:
    return restore(png(result.record()))


def test_sliders_of_the_command_line(demo: Models) -> None:
    editor = styleclip.Editor(demo)
    red = styleclip.Prompt("a face with red hair", ("a face with black hair", "a face with brown hair"))
    sliders = [
        styleclip.Slider(red, 1 / 3),
        styleclip.Slider(styleclip.Prompt("a face with glasses"), -0.5, beta=0.1, relevance="table"),
        styleclip.Slider(styleclip.LatentMapper(mapper_file("demo-old")), 0.25),
    ]
    state = restored(editor.edit_together(editor.sample(3, psi=0.7), sliders, about=about(psi=0.7)))
    assert state.face == Sample(3, 0.7)
    assert state.model == demo.generator_fingerprint
    assert state.rows == (
        TextRow("r1", True, 1 / 3, red, "regression", None),
        TextRow("r2", True, -0.5, styleclip.Prompt("a face with glasses"), "table", 0.1),
        MapperRow("r3", True, 0.25, "demo-old"),
    )


def test_other_editors_of_the_command_line(demo: Models) -> None:
    editor = styleclip.Editor(demo)
    latent, old = editor.sample(3), styleclip.Prompt("an old face")
    direction = editor.edit(latent, old, styleclip.GlobalDirection(alpha=0.5), about=about())
    assert restored(direction).rows == (TextRow("r1", True, 0.5, old, "regression", None),)
    auto = editor.edit(latent, old, styleclip.GlobalDirection(), about=about())
    [row] = restored(auto).rows
    assert row.strength == auto.details[0]["alpha"][0] > 0
    told = {"file": "faces.safetensors", "sha256": "0" * 64}
    age = LatentDirection(Space.W, torch.ones(1, demo.generator.config.w_dim), "age", unit=2.0, origin=told)
    [point] = styleclip.sweep(editor, latent, [age, Edit(old, 0.5)], [0.25], about=about())
    rows = restored(point.result).rows
    assert rows[0] == DirectionRow("r1", True, 0.25, told["file"], told["sha256"], "age")
    assert rows[1] == TextRow("r2", True, 0.5, old, "regression", None)
    given = editor.edit(latent, styleclip.Prompt("old", "a face"), styleclip.GlobalDirection(alpha=1), about=about())
    assert restored(given).rows[0].prompt == styleclip.Prompt("old", "a face")
    optimized = editor.edit(latent, old, styleclip.Optimize(steps=1, restarts=1), about=about())
    assert restored(optimized).rows == (OptimizeRow("r1", True, 1.0, old, Sample(3)),)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("samples")
    assert invoke("sample", "--seeds", "3,5", "--psi", "0.5", "--out", folder).exit_code == 0
    return folder


def test_a_sample_of_the_command_line(samples: Path, demo: Models) -> None:
    state = restore((samples / "seed_0005.png").read_bytes())
    assert (state.face, state.rows, state.model) == (Sample(5, 0.5), (), demo.generator_fingerprint)


def test_a_sheet_of_samples_does_not_tell_its_face(samples: Path) -> None:
    with pytest.raises(UsageError, match="has 2 seeds and not which this is"):
        restore((samples / "sheet.png").read_bytes())


def test_an_edit_of_a_photo_needs_the_photo() -> None:
    record = {"method": "optimize", "provenance": {"generator": {}, "source": {"image": "me.jpg"}}}
    with pytest.raises(UsageError, match="made from a photo or a file of latents; drop that"):
        restore(png(record))
