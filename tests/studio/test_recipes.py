"""The text of the lines that make a picture again; that they make the same picture is in test_same_picture.py."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from styleclip.errors import UsageError
from styleclip.studio.exports.command import command_of
from styleclip.studio.exports.python import python_of
from styleclip.studio.states.read_state import read_state
from tests.helpers.bash_words import words_in_bash

PHOTO = {"sha256": "a" * 64, "name": "me.jpg", "face": 2, "refine": 50, "tune": 0}
RED = {"kind": "text", "prompt": "a face with red hair", "strength": 0.8}
OLD = {"kind": "mapper", "name": "demo-old", "strength": 0.5}
BEARD = {"kind": "direction", "name": "beard.safetensors", "sha256": "b" * 64, "strength": 1}
SMILE = {"kind": "optimize", "prompt": "a smiling face", "neutral": [], "face": {"seed": 3, "psi": 0.7}, "strength": 1}
STROKE = {"erase": False, "radius": 0.1, "points": [[0.5, 0.5]]}


def engine(name: str = "demo", **choices: Any) -> Any:
    models = SimpleNamespace(device=torch.device("cpu"), provenance={"dtype": "float32"})
    return SimpleNamespace(models=models, name=name, choices=choices)


def state(*rows: Mapping[str, Any], face: Mapping[str, Any] | None = None, strokes: Any = ()) -> Any:
    numbered = [{"id": f"r{i}", "on": True, "neutral": [], **row} for i, row in enumerate(rows)]
    return read_state({"version": 1, "face": face or {"seed": 3}, "rows": numbered, "strokes": [*strokes]})


def command(*rows: Mapping[str, Any], **more: Any) -> str:
    return command_of(engine(), state(*rows, **more)).text


def test_a_command_says_all_of_a_state() -> None:
    recipe = command_of(engine(), state(RED, OLD, BEARD, face={"photo": PHOTO}, strokes=[STROKE]))
    assert recipe.text == (
        "styleclip sliders \\\n"
        "  --model demo \\\n"
        "  --image me.jpg \\\n"
        "  --face 2 \\\n"
        "  --refine 50 \\\n"
        "  --edit 'a face with red hair @ 0.8' \\\n"
        "  --mapper 'demo-old @ 0.5' \\\n"
        "  --direction 'beard.safetensors @ 1' \\\n"
        "  --mask mask.png \\\n"
        "  --out edited\n"
    )
    assert recipe.files == ("mask.png", "me.jpg", "beard.safetensors")


def test_forced_texts_stay_forced() -> None:
    forced = [{**each, "prompt": "a zorgel", "force": True} for each in (RED, SMILE)]
    baked, sliders = command(*forced).replace(" \\\n ", "").splitlines()
    assert "--prompt 'a zorgel' --force" in baked and "--force --edit 'a zorgel @ 0.8'" in sliders
    assert python_of(engine(), state(*forced)).text.count('styleclip.Prompt("a zorgel", force=True)') == 2
    assert "force" not in command(RED) + python_of(engine(), state(RED)).text
    known_bake = command(forced[0], SMILE).splitlines()[0]
    assert "--force" not in known_bake


def test_directions_of_the_library_and_of_packs_are_named() -> None:
    age = {"kind": "direction", "name": "faces:age", "strength": 0}
    rows = [age, {**BEARD, "key": "it's"}]
    assert "--direction 'faces:age @ 0'" in command(*rows)
    words = words_in_bash(command(*rows))[0]
    assert "beard.safetensors:it's @ 1" in words
    recipe = python_of(engine(), state(*rows))
    assert 'styleclip.load_direction("faces:age", models), 0)' in recipe.text
    assert 'styleclip.load_direction("beard.safetensors:it\'s", models), 1)' in recipe.text
    assert recipe.files == ("beard.safetensors",)
    for write in (command_of, python_of):
        with pytest.raises(UsageError, match="'a:b' has ':' in its name, which FILE:NAME cannot say; rename it"):
            write(engine(), state({**BEARD, "key": "a:b"}))


def test_a_short_command_is_one_line() -> None:
    assert command(RED) == "styleclip sliders --model demo --seed 3 --edit 'a face with red hair @ 0.8' --out edited\n"


def test_baked_rows_come_first_and_once() -> None:
    text = command(SMILE, {**SMILE, "strength": -0.5}, face={"seed": 4})
    assert text == (
        "styleclip optimize --model demo --seed 3 --psi 0.7 --prompt 'a smiling face' --out baked-1\n"
        "styleclip sliders \\\n  --model demo \\\n  --seed 4 \\\n  --result 'baked-1 @ 1' \\\n"
        "  --result 'baked-1 @ -0.5' \\\n  --out edited\n"
    )


def test_python_says_all_of_a_state() -> None:
    recipe = python_of(engine(), state(RED, OLD, BEARD, SMILE, face={"photo": PHOTO}, strokes=[STROKE]))
    assert recipe.text == (
        "import styleclip\n\n"
        'models = styleclip.load("demo")\n'
        "editor = styleclip.Editor(models)\n"
        'region = styleclip.Region.load("mask.png", models.generator.image_size)\n\n'
        'baked_1 = editor.edit(editor.sample(seed=3, psi=0.7), styleclip.Prompt("a smiling face"), '
        "styleclip.Optimize())\n\n"
        "sliders = [\n"
        '    styleclip.Slider(styleclip.Prompt("a face with red hair"), 0.8),\n'
        '    styleclip.Slider(styleclip.LatentMapper("demo-old"), 0.5),\n'
        '    styleclip.Slider(styleclip.load_direction("beard.safetensors", models), 1),\n'
        "    styleclip.Slider(styleclip.StyleStep.between(models, baked_1.source, baked_1.edited), 1),\n"
        "]\n\n"
        "def edit(source):\n"
        "    face_editor = styleclip.Editor(source.models)\n"
        '    yield "", face_editor.edit_together(source.latent, sliders, region=region)\n\n\n'
        'edited = styleclip.edit_photo(models, "me.jpg", edit, styleclip.Invert(styleclip.Refine(steps=50), face=2))\n'
        'edited.save("edited")\n'
    )
    assert recipe.files == ("mask.png", "me.jpg", "beard.safetensors")


def test_python_of_a_sample_is_short() -> None:
    assert python_of(engine(), state({**RED, "beta": 0.1, "relevance": "table", "neutral": ["hair"]})).text == (
        "import styleclip\n\n"
        'models = styleclip.load("demo")\n'
        "editor = styleclip.Editor(models)\n\n"
        "sliders = [\n"
        '    styleclip.Slider(styleclip.Prompt("a face with red hair", "hair"), 0.8, beta=0.1, relevance="table"),\n'
        "]\n\n"
        "result = editor.edit_together(editor.sample(seed=3), sliders)\n"
        'result.save("edited")\n'
    )


HOSTILE = ['it\'s "a" face; $(rm -rf ~) `id` \\ !', "line\nbreak", "--help", "#tag", "käse 顔 \U0001f600", "{x} %s *"]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_reach_bash_and_python_as_they_are(text: str) -> None:
    rows = [{**RED, "prompt": text, "neutral": [text]}, {**SMILE, "prompt": text}]
    photo = {"photo": {**PHOTO, "name": "it's $HOME.jpg"}}
    optimize, sliders = words_in_bash(command(*rows, face=photo))
    assert optimize[optimize.index("--prompt") + 1] == text
    assert sliders[sliders.index("--edit") + 1] == f"{text} -> {text} @ 0.8"
    assert sliders[sliders.index("--image") + 1] == "it's $HOME.jpg"
    tree = ast.parse(python_of(engine(), state(*rows, face=photo)).text)
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert constants.count(text) == 3 and "it's $HOME.jpg" in constants


@pytest.mark.parametrize("number", [0.1, 1 / 3, -2.5, 1e-7, 0.30000000000000004, 100.0])
def test_numbers_keep_their_bits(number: float) -> None:
    rows = [{**RED, "strength": number, "beta": abs(number)}]
    [words] = words_in_bash(command(*rows, face={"seed": 3, "psi": number / 200}))
    strength, beta = words[words.index("--edit") + 1].rpartition(" @ ")[2].split(", ")
    assert (float(strength), float(beta)) == (number, abs(number))
    assert float(words[words.index("--psi") + 1]) == number / 200
    text = python_of(engine(), state(*rows)).text
    assert f", {strength}, beta={beta})" in text


def test_rows_that_move_nothing_are_left_out() -> None:
    rows = [{**RED, "on": False}, {**OLD, "strength": 0}, {**SMILE, "on": False, "strength": None}]
    assert command(*rows, RED) == command(RED)
    assert "sliders = []\n" in python_of(engine(), state(*rows)).text


def test_a_face_without_an_edit() -> None:
    told = command_of(engine(), state(face={"seed": 3, "psi": 0.5}, strokes=[STROKE]))
    assert (told.text, told.files) == ("styleclip sample --model demo --seeds 3 --psi 0.5 --out edited\n", ())
    with pytest.raises(UsageError, match="nothing is edited yet; move a slider, or copy it as Python"):
        command(face={"photo": PHOTO})


def test_uploads_have_names_of_their_own_and_no_folders() -> None:
    other = {**BEARD, "sha256": "c" * 64, "name": "C:\\me\\Beard.safetensors"}
    mapper = {**OLD, "sha256": "d" * 64, "name": "/etc/demo-old"}
    photo = {"photo": {**PHOTO, "name": "../mask.png"}}
    recipe = command_of(
        engine("/home/me/ffhq.pkl", clip="ViT-B-32//home/me/clip.pt"), state(BEARD, other, BEARD, mapper)
    )
    assert recipe.files == ("beard.safetensors", "Beard-2.safetensors", "demo-old.safetensors")
    assert "--model ffhq.pkl" in recipe.text and "--clip ViT-B-32/clip.pt" in recipe.text
    assert recipe.text.count("'beard.safetensors @ 1'") == 2
    recipe = python_of(engine(), state(face=photo, strokes=[STROKE]))
    assert recipe.files == ("mask.png", "mask-2.png")
    assert 'edit_photo(models, "mask-2.png"' in recipe.text


def test_the_model_is_loaded_as_the_studio_did() -> None:
    loaded = engine("ffhq", label=3, device="cuda:1", dtype="bfloat16")
    loaded.models.device, loaded.models.provenance = torch.device("cuda:1"), {"dtype": "bfloat16"}
    words = words_in_bash(command_of(loaded, state(RED)).text)[0]
    assert words[:9] == ["sliders", "--model", "ffhq", "--label", "3", "--device", "cuda:1", "--dtype", "bfloat16"]
    text = python_of(loaded, state()).text
    assert 'styleclip.load("ffhq", label=3, device="cuda:1", dtype=torch.bfloat16)' in text
    assert text.startswith("import torch\n\nimport styleclip\n")


REFUSED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "arrow": ([{**RED, "neutral": ["a -> b"]}], {}, r"'a -> b' has '->' in it, .*; copy it as Python"),
    "slash": ([{**RED, "neutral": ["a / b", "c"]}], {}, r"has '/' in it"),
    "slash at the end": ([{**RED, "neutral": ["a /", "c"]}], {}, r"has '/' in it"),
    "relevance": (
        [{**RED, "relevance": "table"}, {**RED, "relevance": "regression"}],
        {},
        "one --relevance for all texts, these take regression and table; copy",
    ),
    "tuning": ([RED], {"face": {"photo": {**PHOTO, "tune": 20}}}, "tunes for 150 steps, not 20; copy"),
}


@pytest.mark.parametrize(("rows", "more", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_a_command_cannot_say_is_said(rows: list[Any], more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        command(*rows, **more)
    ast.parse(python_of(engine(), state(*rows, **more)).text)


UNREADY = {
    "fault": ({**RED, "strength": "much"}, r"row 1 has a fault \(the strength is .*\); mend or remove it"),
    "no strength": ({**RED, "strength": None}, "row 1 has no strength yet; wait"),
}


@pytest.mark.parametrize(("row", "sentence"), UNREADY.values(), ids=UNREADY)
def test_rows_that_are_not_ready_are_told(row: dict[str, Any], sentence: str) -> None:
    for write in (command_of, python_of):
        with pytest.raises(UsageError, match=sentence):
            write(engine(), state(row))
