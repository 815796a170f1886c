"""The sheets, videos and explanations of `styleclip global-dir`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from styleclip.images import read_record
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.sheets import GAP, LABEL_HEIGHT, LABEL_WIDTH
from tests.helpers.global_dir import NEUTRAL, PROMPT, TARGET, direction_of, files_in, largest, pixels
from tests.helpers.support import decode_video, done

Run = Callable[..., Result]


def cell(sheet: np.ndarray, row: int, column: int, size: int = 256) -> np.ndarray:
    """What a sheet with labels on both sides shows in a cell, as small as the pictures of the tiny generator."""
    top, left = GAP + LABEL_HEIGHT + row * (size + GAP), 2 * GAP + LABEL_WIDTH + column * (size + GAP)
    shown = Image.fromarray(sheet[top : top + size, left : left + size])
    return np.asarray(shown.resize((16, 16), Image.Resampling.BOX)).astype(int)


def test_a_single_strength_is_shown_among_others(run: Run, tmp_path: Path) -> None:
    words = (*PROMPT, "--beta", 0.1, "--seed", 2)
    done(run(*words, "--alpha", 8, "--grid", "--out", "one"))
    done(run(*words, "--alpha", "4,8,12", "--out", "three"))
    one, three = (pixels(tmp_path / name / "grid.png") for name in ("one", "three"))
    assert np.array_equal(one, three)  # before, half, the strength and 1.5 times that
    shown = [tmp_path / "one" / "before.png", *(tmp_path / "three" / f"alpha_{a}" / "after.png" for a in (4, 8, 12))]
    for column, path in enumerate(shown):
        assert np.abs(cell(one, 0, column) - pixels(path)).mean() < 6  # enlarged smoothly and made small again
    assert np.abs(cell(one, 0, 0) - pixels(shown[3])).mean() > 12
    assert read_record(tmp_path / "one" / "grid.png")["results"][0]["prompt"] == TARGET


def test_several_faces_and_auto(run: Run, tmp_path: Path) -> None:
    words = (*PROMPT, "--alpha", "auto", "--channels", 12, "--reach", 30, "--sure", 1, "--seeds", "0,1")
    done(run(*words, "--grid", "--out", "out"))
    sheet = pixels(tmp_path / "out" / "grid.png")
    assert sheet.shape[0] == GAP + LABEL_HEIGHT + 2 * (256 + GAP)
    for row, name in enumerate(("before", "after")):
        for face in (0, 1):
            assert np.abs(cell(sheet, row, face) - pixels(tmp_path / "out" / f"00{face}_{name}.png")).mean() < 6


def test_a_sheet_of_edits_in_turn_shows_every_step(run: Run, tmp_path: Path) -> None:
    words = ("--edit", f"{NEUTRAL} -> {TARGET} @ 9, 0.1", "--edit", "a face -> an old face @ 9, 0.1")
    done(run(*words, "--seeds", "0,1", "--grid", "--out", "both"))
    done(run(*words[:2], "--seeds", "0,1", "--out", "first"))
    sheet = pixels(tmp_path / "both" / "grid.png")
    shown = [tmp_path / "both" / "000_before.png", tmp_path / "first" / "000_after.png"]
    for row, path in enumerate([*shown, tmp_path / "both" / "000_after.png"]):
        assert np.abs(cell(sheet, row, 0) - pixels(path)).mean() < 6


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_a_sweep_goes_there_and_back(run: Run, tmp_path: Path, kind: str) -> None:
    video = ("--video",) if kind == "mp4" else ("--video", "gif")
    done(run(*PROMPT, "--alpha", 20, "--beta", 0, "--torgb", *video, "--out", "out"))
    frames = decode_video(tmp_path / "out" / f"sweep.{kind}", side=34).astype(int)
    assert len(frames) == 60
    assert [path for path in files_in(tmp_path / "out") if path.startswith("sweep")] == [f"sweep.{kind}"]

    def distance(frame: int, name: str) -> float:
        picture = Image.fromarray(pixels(tmp_path / "out" / f"{name}.png")).resize((32, 32), Image.Resampling.BICUBIC)
        return float(np.abs(frames[frame][1:33, 1:33] - np.asarray(picture).astype(int)).mean())

    assert distance(0, "before") < distance(0, "after") / 2
    assert distance(30, "after") < distance(30, "before") / 2
    assert np.abs(frames[29] - frames[31]).mean() < 4 and np.abs(frames[15] - frames[45]).mean() < 4


def test_a_sweep_from_the_lowest_to_the_highest(run: Run, tmp_path: Path) -> None:
    done(run(*PROMPT, "--alpha=9,-20,20", "--beta", 0, "--torgb", "--video", "--out", "out"))
    frames = decode_video(tmp_path / "out" / "sweep.mp4", side=34).astype(int)
    for frame, name in ((0, "alpha_-20"), (30, "alpha_20")):
        picture = Image.fromarray(pixels(tmp_path / "out" / name / "after.png")).resize(
            (32, 32), Image.Resampling.BICUBIC
        )
        assert np.abs(frames[frame][1:33, 1:33] - np.asarray(picture).astype(int)).mean() < 12


def test_an_explanation_names_the_channels(run: Run, models: Models, tmp_path: Path) -> None:
    result = done(run(*PROMPT, "--beta", 0.3, "--explain", "--out", "out"))
    told = json.loads((tmp_path / "out" / "channels.json").read_text())[0]
    table = models.relevance()
    assert table and table.statistics
    weights = direction_of(models, Prompt(TARGET, NEUTRAL), 0.3) / table.statistics.std
    by_layer = models.generator.layout.split(weights[None])
    expected = {(n, i): w for n, own in by_layer.items() for i, w in enumerate(own[0].tolist()) if w}
    assert {(row["layer"], row["index"]) for row in told["channels"]} == set(expected)
    for row in told["channels"]:
        assert row["weight"] == pytest.approx(expected[row["layer"], row["index"]], abs=1e-5)
        assert row["relevance"] == pytest.approx(row["weight"] * largest(models), abs=1e-5)
    for row in told["layers"]:
        own = by_layer[row["layer"]]
        assert row["channels"] == (own != 0).sum() and row["weight"] == pytest.approx(own.abs().sum().item(), abs=1e-4)
    first = told["channels"][0]
    lines = result.stdout.splitlines()
    assert lines[0] == f"{NEUTRAL} -> {TARGET}: {len(expected)} channels of relevance 0.300 to {largest(models):.3f}"
    assert lines[2].split() == [
        first["layer"],
        str(first["index"]),
        f"{first['weight']:+.3f}",
        f"{first['relevance']:+.3f}",
    ]
    with Image.open(tmp_path / "out" / "channels.png") as plot:
        assert plot.width == 1100 and np.asarray(plot.convert("RGB")).std() > 20


def test_an_explanation_as_json(run: Run, tmp_path: Path) -> None:
    told = json.loads(done(run(*PROMPT, "--beta", "0.2,0.3", "--explain", "--json", "--out", "out")).stdout)
    assert told["explanation"] == json.loads((tmp_path / "out" / "channels.json").read_text())
    assert [each["beta"] for each in told["explanation"]] == [0.2, 0.3]
    assert {str(Path(file).relative_to("out")) for file in told["files"]} == set(files_in(tmp_path / "out"))
