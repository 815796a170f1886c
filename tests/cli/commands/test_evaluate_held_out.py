"""`evaluate --judge-clip`: editors of any model, several of them, photos, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import styleclip
from styleclip.images import to_pil
from tests.helpers.commands import invoke
from tests.helpers.photos import ASTRONAUT
from tests.helpers.support import failed

QUICK = ("--judge-clip", "demo-judge-clip", "--unedited", "50", "--quiet")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with `prompts.txt`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("a face wearing a hat\n")
    return tmp_path


def test_several_editors_with_settings(folder: Path) -> None:
    editors = ("--editor", "global-dir", "--editor", "global-dir alpha=0.5")
    words = ("--prompts", "prompts.txt", "--seeds", "0-2", "--strengths", "0,1")
    result = invoke("evaluate", *QUICK, *editors, *words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-2:] == ["styleclip-out/evaluation/report.html", "styleclip-out/evaluation/report.json"]
    assert [line.split(" | ")[0] for line in lines[2:6]] == [
        "| nothing",
        "| random",
        "| global-dir",
        "| global-dir alpha=0.5",
    ]
    record = json.loads((folder / "styleclip-out/evaluation/report.json").read_text())
    assert record["editors"]["global-dir alpha=0.5"]["alpha"] == 0.5 and record["strengths"] == [0, 1]
    assert {edit["editor"] for edit in record["edits"]} == {"nothing", "random", "global-dir", "global-dir alpha=0.5"}


def test_photos_and_the_text_of_a_mapper(folder: Path) -> None:
    editor = styleclip.Editor(styleclip.load("demo"))
    to_pil(editor.render(editor.sample(seed=3)))[0].save(folder / "face.png")
    result = invoke("evaluate", *QUICK, "--mapper", "demo-old", "--image", "face.png", "--no-align", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["images"] == ["face.png"] and [each["prompt"] for each in record["prompts"]] == ["an old face"]
    assert [edit["editor"] for edit in record["edits"]] == ["nothing", *["random"] * 4, *["map"] * 4]


def test_a_photo_without_a_face_is_left_out(folder: Path) -> None:
    Image.new("RGB", (80, 80), "white").save(folder / "plain.png")
    words = ("--mapper", "demo-old", "--strengths", "1", "--image", "plain.png")
    failed(invoke("evaluate", *QUICK, *words), 1, "nothing is left to measure: no face was found in plain.png")
    result = invoke("evaluate", *QUICK, *words, "--image", ASTRONAUT)
    assert result.exit_code == 0, result.output
    [line] = [line for line in result.stdout.splitlines() if line.startswith("left out")]
    assert line.startswith("left out plain.png: no face was found in plain.png")
    record = json.loads((folder / "styleclip-out/evaluation/report.json").read_text())
    assert record["images"] == [ASTRONAUT.name] and record["left_out"][0]["image"] == "plain.png"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--strengths", "0,1"], 2, "--strengths is for editors of any model; pass --judge-clip too"),
        (["--image", "face.png"], 2, "--image is for editors of any model; pass --judge-clip too"),
        ([*QUICK, "--refine", "3"], 2, "--refine is for photos; pass it with --image"),
        (["--editor", "optimize", "--editor", "global-dir"], 2, "several editors are compared with --judge-clip"),
        (["--editor", "paint"], 2, "'paint' is not one of 'optimize', 'global-dir'"),
        (["--editor", "optimize stepps=3"], 2, "'stepps=3' is not a setting"),
        ([*QUICK, "--seeds", "0", "--image", "face.png"], 2, "--seeds and --image both name the pictures"),
        (
            [*QUICK, "--editor", "optimize", "--editor", "global-dir", "--setting", "lr=1"],
            2,
            "--setting is for one editor",
        ),
        (["--judge-clip", "demo", "--prompts", "prompts.txt"], 2, "demo is the CLIP that the editors follow"),
        ([*QUICK, "--bank", "prompts.txt"], 2, "prompts.txt is no bank of attributes"),
    ],
)
def test_bad_usage(words: list[str], code: int, sentence: str) -> None:
    failed(invoke("evaluate", *words), code, sentence)


def test_a_model_without_a_judge() -> None:
    failed(
        invoke("evaluate", "--model", "ffhq", "--judge-clip", "--prompts", "prompts.txt"), 2, "name one: --judge-clip"
    )
