"""`styleclip global-dir`: what it finds against the formula, what it writes, and one sentence for what is wrong."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner, Result
from PIL import Image
from torch import Tensor

import styleclip
from styleclip.cli import main
from styleclip.cli.commands.global_dir.requests import EditRequest, parse_direction, parse_edit
from styleclip.images import read_record
from styleclip.latents import Latent, Space
from styleclip.methods import auto_alpha
from styleclip.models import Models, load_clip
from styleclip.networks.clip import CLIP
from styleclip.parsing import parse_strengths
from styleclip.prompts import Prompt, delta_t
from styleclip.settings import format_number
from styleclip.sheets import GAP, LABEL_HEIGHT, LABEL_WIDTH
from styleclip.sweeps import MAX_COMBINATIONS
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.relevance_files import prepared_path, save_relevance
from tests.helpers.checkpoint_writers import save_pickle
from tests.helpers.files import tiny_files
from tests.helpers.support import decode_video, done, failed, run_python, run_styleclip
from tests.helpers.tiny import random_relevance_table, tiny_clip, tiny_generator

Run = Callable[..., Result]
TARGET, NEUTRAL = "a face with red hair", "a face"
PROMPT = ("--prompt", TARGET, "--neutral", NEUTRAL)
ABOUT = {"method": "exact", "images": 3}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny generator, its CLIP and a table that is not where the editors look for it."""
    folder = tmp_path_factory.mktemp("models")
    generator, clip = tiny_files(folder)
    models = styleclip.load(str(generator), clip=clip)
    about = {**ABOUT, "generator": models.provenance["generator"]["network"], "clip": models.clip.name}
    table = random_relevance_table(models.generator.layout.size, about=about)
    return {
        "model": generator,
        "clip": clip,
        "relevance": save_relevance(table, models.clip, folder / "table.safetensors"),
    }


@pytest.fixture(scope="module")
def models(files: dict[str, Path]) -> Models:
    return styleclip.load(str(files["model"]), clip=files["clip"], relevance=files["relevance"])


@functools.cache
def loaded_clip(name: str) -> CLIP:
    """Half of what a call costs, where the models are tiny."""
    return load_clip(name)


@pytest.fixture
def bare(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip global-dir` on the tiny models in an empty folder, without a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    monkeypatch.setattr(styleclip.models, "load_clip", lambda name, *_: loaded_clip(name))
    words = ["global-dir", "--model", str(files["model"]), "--clip", str(files["clip"])]
    return lambda *more: CliRunner().invoke(main, [*words, *map(str, more)], prog_name="styleclip")


@pytest.fixture
def run(bare: Run, files: dict[str, Path]) -> Run:
    """The same with the table."""
    return lambda *more: bare("--relevance", files["relevance"], *more)


def records(result: Result) -> list[dict[str, Any]]:
    """The records that `--json` printed."""
    told = json.loads(done(result).stdout)
    return list(told.get("results", [told]))


def direction_of(models: Models, prompt: Prompt, beta: float = 0.0, torgb: bool = False) -> Tensor:
    """StyleCLIP, section 6, in numpy: what is added to S [C] for alpha 1."""
    table = models.relevance()
    assert table and table.statistics
    cosine = table.delta_i.double().numpy() @ delta_t(models.clip, prompt).double().numpy()
    cosine[(np.abs(cosine) < beta) | (models.generator.layout.torgb_mask().numpy() & (not torgb))] = 0
    return torch.from_numpy(cosine / np.abs(cosine).max()).float() * table.statistics.std


def moved(folder: Path, models: Models) -> Tensor:
    """How far the faces of a result went in S [N, C]."""
    edited, source = (Latent.load(folder / f"{name}.safetensors") for name in ("latent", "source"))
    assert edited.space is Space.S
    return edited.data - models.generator.to_space(source, Space.S).data


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.expand_as(found), atol=2e-5, rtol=1e-5)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- the edit


def test_the_edit_is_the_formula(run: Run, models: Models, tmp_path: Path) -> None:
    done(run(*PROMPT, "--alpha", 2.5, "--beta", 0.3, "--seeds", "0-2", "--out", "out"))
    close(moved(tmp_path / "out", models), 2.5 * direction_of(models, Prompt(TARGET, NEUTRAL), 0.3))
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (record["prompt"], record["neutral"], record["method"]) == (TARGET, NEUTRAL, "global-dir")
    assert (record["settings"]["alpha"], record["settings"]["beta"]) == (2.5, 0.3)
    assert record["provenance"]["source"] == {"seeds": [0, 1, 2]}
    told = record["provenance"]["directions"][0]
    assert (told["alpha"], told["beta"], told["target"]) == ([2.5] * 3, 0.3, TARGET)
    assert told["channels"] == int((direction_of(models, Prompt(TARGET, NEUTRAL), 0.3) != 0).sum())
    assert told["relevance"]["source"] == "table" and told["relevance"].items() >= ABOUT.items()
    assert read_record(tmp_path / "out" / "001_after.png") == record


def test_torgb_channels_move_when_asked(run: Run, models: Models, tmp_path: Path) -> None:
    for option, torgb in (("--torgb", True), ("--no-torgb", False)):
        done(run(*PROMPT, option, "--alpha", 1, "--beta", 0.1, "--out", option))
        close(moved(tmp_path / option, models), direction_of(models, Prompt(TARGET, NEUTRAL), 0.1, torgb))


def test_a_number_of_channels(run: Run, models: Models, tmp_path: Path) -> None:
    record = records(run(*PROMPT, "--channels", 5, "--json", "--out", "out"))[0]
    assert ((moved(tmp_path / "out", models) != 0).sum(dim=1) == 5).all()
    told = record["provenance"]["directions"][0]
    every = direction_of(models, Prompt(TARGET, NEUTRAL))
    table = models.relevance()
    assert told["channels"] == 5 and record["settings"]["channels"] == 5 and table and table.statistics
    fifth = (every / table.statistics.std).abs().sort(descending=True).values[4]  # of the largest relevance
    assert told["beta"] == pytest.approx(fifth.item() * largest(models), rel=1e-4)


def largest(models: Models) -> float:
    table = models.relevance()
    assert table
    cosine = table.delta_i @ delta_t(models.clip, Prompt(TARGET, NEUTRAL))
    return cosine[~models.generator.layout.torgb_mask()].abs().max().item()


def test_several_neutrals_stand_for_their_mean(run: Run, models: Models, tmp_path: Path) -> None:
    more = ("--alpha", 1, "--beta", 0.1)
    record = records(run(*PROMPT, "--neutral", "a face with hair", *more, "--json", "--out", "out"))[0]
    assert record["neutral"] == [NEUTRAL, "a face with hair"]
    close(moved(tmp_path / "out", models), direction_of(models, Prompt(TARGET, (NEUTRAL, "a face with hair")), 0.1))
    done(run("--edit", f"{NEUTRAL} / a face with hair -> {TARGET} @ 1, 0.1", "--out", "same"))
    assert torch.equal(moved(tmp_path / "same", models), moved(tmp_path / "out", models))


def test_the_neutral_is_a_face(run: Run, tmp_path: Path) -> None:
    assert records(run("--prompt", TARGET, "--json"))[0]["neutral"] == "a face"
    assert (tmp_path / "styleclip-out" / "global-dir" / "a-face-with-red-hair" / "result.json").exists()


def test_auto_alpha_is_told_for_every_face(run: Run, models: Models, tmp_path: Path) -> None:
    words = (*PROMPT, "--alpha", "auto", "--channels", 20, "--torgb", "--seeds", "0-5", "--json")
    record = records(run(*words, "--reach", 3, "--sure", 0.4, "--out", "out"))[0]
    alphas = torch.tensor(record["provenance"]["directions"][0]["alpha"])
    assert record["settings"]["alpha"] == "auto" and len(alphas) == 6
    beta = record["provenance"]["directions"][0]["beta"]
    every = direction_of(models, Prompt(TARGET, NEUTRAL), beta - 1e-6, torgb=True)
    close(moved(tmp_path / "out", models), alphas[:, None] * every)


@pytest.mark.parametrize("reach", [2.0, 4.0])
def test_auto_alpha_begins_at_a_share_of_reach(run: Run, reach: float) -> None:
    """CLIP is sure at once when nothing is asked of it."""
    record = records(run(*PROMPT, "--alpha", "auto", "--channels", 9, "--reach", reach, "--sure", 0, "--json"))[0]
    told = record["provenance"]["directions"][0]
    assert told["alpha"][0] == pytest.approx(auto_alpha.FIRST_STEP * reach / told["movement"], rel=1e-4)


def test_statistics_for_a_published_table(bare: Run, models: Models, tmp_path: Path) -> None:
    layout = models.generator.layout
    rows = F.normalize(torch.randn(int((~layout.torgb_mask()).sum()), 10, generator=torch.Generator().manual_seed(3)))
    np.save(tmp_path / "fs3.npy", rows.numpy())
    std = torch.linspace(0.5, 2, layout.size)
    save_pickle([[part[0].numpy() for part in layout.split(x[None]).values()] for x in (0 * std, std)], tmp_path / "m")
    more = ("--relevance", "fs3.npy", "--statistics", "m", "--alpha", 1, "--beta", 0, "--json", "--out", "out")
    record = records(bare(*PROMPT, *more))[0]
    cosine = rows @ delta_t(models.clip, Prompt(TARGET, NEUTRAL))
    expected = torch.zeros(layout.size)
    expected[~layout.torgb_mask()] = cosine / cosine.abs().max()
    close(moved(tmp_path / "out", models), expected * std)
    assert record["provenance"]["relevance"] == "fs3.npy" and record["provenance"]["statistics"] == "m"
    assert record["provenance"]["directions"][0]["relevance"] == {"source": "table", "method": "published"}


# --- strengths and betas


def test_strengths_are_mirrored_and_nothing_is_the_source(run: Run, models: Models, tmp_path: Path) -> None:
    result = done(run(*PROMPT, "--alpha=-3,0,3", "--beta", 0.2, "--seeds", "0-1", "--out", "out"))
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"alpha_-3", "alpha_0", "alpha_3", "grid.png"}
    assert {tmp_path / line for line in result.stdout.splitlines()} == {p for p in out.rglob("*") if p.is_file()}
    below, nothing, above = (moved(out / name, models) for name in ("alpha_-3", "alpha_0", "alpha_3"))
    close(above, 3 * direction_of(models, Prompt(TARGET, NEUTRAL), 0.2))
    close(above + below, torch.zeros(1))
    close(nothing, torch.zeros(1))
    for face in ("000", "001"):
        before, after = (pixels(out / "alpha_0" / f"{face}_{name}.png") for name in ("before", "after"))
        assert np.array_equal(before, after)
        assert not np.array_equal(before, pixels(out / "alpha_3" / f"{face}_after.png"))


def test_every_strength_at_every_beta(run: Run, models: Models, tmp_path: Path) -> None:
    told = records(run(*PROMPT, "--alpha=1,-2", "--beta", "0.1,auto,0.4", "--json", "--out", "out"))
    names = [f"alpha_{alpha}_beta_{beta}" for beta in ("0.1", "auto", "0.4") for alpha in ("1", "-2")]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "grid.png"}
    for name, record in zip(names, told, strict=True):
        alpha, beta = (record["settings"][key] for key in ("alpha", "beta"))
        assert name == f"alpha_{alpha:g}_beta_{format_number(beta)}"
        came_to = record["provenance"]["directions"][0]["beta"]
        assert beta in ("auto", came_to)
        expected = direction_of(models, Prompt(TARGET, NEUTRAL), came_to - 1e-6)
        close(moved(tmp_path / "out" / name, models), alpha * expected)


def test_what_varies_names_the_folder(run: Run, tmp_path: Path) -> None:
    done(run(*PROMPT, "--alpha", 4, "--beta", "0.1,0.2", "--out", "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"beta_0.1", "beta_0.2", "grid.png"}


def test_relevance_is_measured_once_per_text(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    measure = styleclip.GlobalDirection.measure

    def counted(self: Any, models: Models, prompt: Prompt) -> Any:
        calls.append(prompt.target)
        return measure(self, models, prompt)

    monkeypatch.setattr(styleclip.GlobalDirection, "measure", counted)
    gradient = ("--relevance", "gradient", "--images", 2)
    records(bare(*PROMPT, *gradient, "--alpha=1,2", "--beta", "0,0.01,0.02", "--json"))
    assert calls == [TARGET]


# --- several edits, saved ones, other sources


def test_edits_in_turn_add_up(run: Run, models: Models, tmp_path: Path) -> None:
    words = ("--edit", f"{NEUTRAL} -> {TARGET} @ 3, 0.12", "--edit", "a face -> an old face @ -2", "--beta", 0.2)
    record = records(run(*words, "--seeds", "3-4", "--json", "--out", "out"))[0]
    first = direction_of(models, Prompt(TARGET, NEUTRAL), 0.12)
    second = direction_of(models, Prompt("an old face", "a face"), 0.2)
    close(moved(tmp_path / "out", models), 3 * first - 2 * second)
    assert [told["beta"] for told in record["settings"]["edits"]] == [0.12, 0.2]
    assert [told["alpha"] for told in record["provenance"]["directions"]] == [[3, 3], [-2, -2]]
    assert record["prompt"] == f"{TARGET} + an old face"


def test_one_alpha_for_all_that_have_none(run: Run, models: Models, tmp_path: Path) -> None:
    words = ("--edit", f"{NEUTRAL} -> {TARGET}", "--edit", "a face -> an old face @ 1", "--alpha=-4,4", "--beta", 0.2)
    done(run(*words, "--out", "out"))
    first, second = (direction_of(models, Prompt(target, NEUTRAL), 0.2) for target in (TARGET, "an old face"))
    for alpha in (-4, 4):
        close(moved(tmp_path / "out" / f"alpha_{alpha}", models), alpha * first + second)


def test_a_saved_direction_makes_the_same_picture(run: Run, bare: Run, models: Models, tmp_path: Path) -> None:
    saving = ("--save-direction", "shared/red.safetensors")
    result = done(run(*PROMPT, "--alpha", 3, "--channels", 7, "--seed", 5, *saving, "--out", "one"))
    assert "shared/red.safetensors" in result.stdout.splitlines()
    again = records(bare("--direction", "shared/red.safetensors", "--seed", 5, "--json", "--out", "two"))[0]
    assert np.array_equal(pixels(tmp_path / "one" / "after.png"), pixels(tmp_path / "two" / "after.png"))
    one, two = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two"))
    assert (two["prompt"], two["neutral"], two["settings"]["alpha"]) == (one["prompt"], one["neutral"], 3.0)
    told = again["provenance"]["directions"][0]["relevance"]
    assert told["source"] == "file" and told["file"].endswith("red.safetensors") and len(told["sha256"]) == 64
    first = moved(tmp_path / "one", models)
    for name, words, factor in (
        ("at", ("--direction", "shared/red.safetensors @ -1.5"), -0.5),
        ("alpha", ("--direction", "shared/red.safetensors", "--alpha", 0), 0.0),
    ):
        done(bare(*words, "--seed", 5, "--out", name))
        close(moved(tmp_path / name, models), factor * first)


def test_saved_directions_come_before_the_prompt(run: Run, models: Models, tmp_path: Path) -> None:
    done(run(*PROMPT, "--alpha", 3, "--beta", 0.2, "--save-direction", "red.safetensors", "--out", "one"))
    old = ("--prompt", "an old face", "--alpha", 2, "--beta", 0.2)
    record = records(run(*old, "--direction", "red.safetensors @ 1", "--json", "--out", "two"))[0]
    assert record["prompt"] == f"{TARGET} + an old face"
    sum_of_both = direction_of(models, Prompt(TARGET, NEUTRAL), 0.2) + 2 * direction_of(
        models, Prompt("an old face", "a face"), 0.2
    )
    close(moved(tmp_path / "two", models), sum_of_both)


def test_latents_of_a_file_in_any_space(run: Run, models: Models, tmp_path: Path) -> None:
    """W+ first, then the S that came of it: the second edit goes on from the first."""
    words = (*PROMPT, "--alpha", 1, "--beta", 0.2)
    done(run(*words, "--seeds", "0-3", "--out", "one"))
    done(run(*words, "--latent", "one/source.safetensors", "--rows", "1,3", "--out", "rows"))
    record = records(run(*words, "--latent", "one/latent.safetensors", "--json", "--out", "two"))[0]
    assert record["provenance"]["source"] == {"latent": str(tmp_path / "one" / "latent.safetensors")}
    one, rows, two = (Latent.load(tmp_path / name / "latent.safetensors").data for name in ("one", "rows", "two"))
    torch.testing.assert_close(rows, one[[1, 3]])
    close(two - one, direction_of(models, Prompt(TARGET, NEUTRAL), 0.2))


# --- relevance


def test_without_a_table_the_gradient_is_pointed_out(bare: Run) -> None:
    words = (*PROMPT, "--images", 2, "--json")
    result = bare(*words, "--out", "auto")
    assert result.stderr.count("Warning: ") == 1
    assert "no relevance table, so the gradient over 2 images takes its place; `styleclip prepare`" in result.stderr
    told = records(result)[0]["provenance"]["directions"][0]
    assert told["relevance"] == {"source": "gradient", "images": 2, "seed": 5, "refine_top": 0}
    asked = done(bare(*words, "--relevance", "gradient", "--out", "asked"))
    assert asked.stderr == "" and records(asked)[0]["provenance"]["directions"][0] == told


def test_more_images_change_the_gradient(bare: Run) -> None:
    betas = {
        images: records(bare(*PROMPT, "--relevance", "gradient", "--images", images, "--json", "--out", str(images)))[
            0
        ]["provenance"]["directions"][0]["beta"]
        for images in (2, 3)
    }
    assert betas[2] != betas[3]


def test_refined_channels_are_the_only_ones(bare: Run, models: Models, tmp_path: Path) -> None:
    done(
        bare(*PROMPT, "--relevance", "gradient", "--images", 2, "--refine-top", 4, "--beta", 0, "--torgb", "--out", "o")
    )
    assert (moved(tmp_path / "o", models) != 0).sum() <= 4


def test_a_prepared_table_is_found(bare: Run, models: Models, files: dict[str, Path]) -> None:
    path = prepared_path(models.provenance["generator"]["network"], models.clip)
    path.parent.mkdir(parents=True)
    path.write_bytes(files["relevance"].read_bytes())
    result = done(bare(*PROMPT, "--json"))
    assert result.stderr == ""
    assert records(result)[0]["provenance"]["directions"][0]["relevance"]["source"] == "table"
    failed(bare(*PROMPT, "--refine-top", 3, "--out", "b"), 2, "has a relevance table", "--relevance gradient")


# --- sheets, videos, explanations


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


# --- what is wrong

BAD_USAGE = [
    ((), "nothing says what to edit; pass --prompt, --edit or --direction"),
    (("--prompt", " "), "the prompt is empty"),
    (("--prompt", TARGET, "--neutral", ""), "the neutral text is empty"),
    (("--neutral", NEUTRAL, "--edit", "a -> b"), "--neutral goes with --prompt"),
    ((*PROMPT, "--edit", "a face -> an old face"), "--prompt and --edit both say what to edit"),
    (("--prompt", TARGET, "--neutral", TARGET), "mean the same to CLIP"),
    ((*PROMPT, "--beta", 0.99), "no style channel reaches beta 0.99; the largest relevance is 0.576"),
    ((*PROMPT, "--channels", 99), "channels are too many"),
    ((*PROMPT, "--channels", 0), "0 is not in the range"),
    ((*PROMPT, "--channels", 3, "--beta", 0.1), "beta and channels both say"),
    ((*PROMPT, "--beta", -0.1), "beta is -0.1; it must be 0 or more"),
    ((*PROMPT, "--alpha", "strong"), "'strong' is not a list of numbers; write it like 4 or -4,0,4 or auto"),
    ((*PROMPT, "--alpha", "1,,2"), "is not a list of numbers"),
    ((*PROMPT, "--alpha", "nan"), "is not a list of numbers"),
    ((*PROMPT, "--alpha", "1,inf"), "is not a list of numbers"),
    ((*PROMPT, "--alpha", ",".join(map(str, range(MAX_COMBINATIONS + 1)))), "these are 101 combinations"),
    ((*PROMPT, "--alpha", "1,2", "--seeds", "0-999"), "2000 pictures are too many for a sheet"),
    ((*PROMPT, "--video", "--seeds", "0-99"), "100 pictures at once are too many for a video"),
    ((*PROMPT, "--video", "avi"), "'avi' is not one of 'mp4', 'gif'"),
    ((*PROMPT, "--sure", 1.5), "1.5 is not in the range"),
    ((*PROMPT, "--images", 0), "0 is not in the range"),
    ((*PROMPT, "--refine-top", 3), "a table is exact already"),
    ((*PROMPT, "--relevance", "gradient", "--statistics", __file__), "--statistics is for a table that has none"),
    (("--edit", "a face, an old face"), "is not an edit; write it like"),
    (("--edit", "a -> b -> c"), "is not an edit"),
    (("--edit", "a -> b @ much"), "is not an edit"),
    (("--edit", "a -> b @ 1, 2, 3"), "is not an edit"),
    (("--edit", "a -> b @"), "is not an edit"),
    (("--edit", "-> a face"), "the neutral text is empty"),
    (("--edit", "a face -> an old face @ 1", "--alpha", 2), "every edit says its alpha after @"),
    (("--edit", "a face -> an old face @ 1, 0.1", "--beta", 0.2), "every edit has its beta already"),
    (("--direction", "absent.safetensors"), "there is no file absent.safetensors"),
    (("--direction", "absent.safetensors @ much"), "is not a saved direction"),
    ((*PROMPT, "--alpha", "1,2", "--save-direction", "red"), "--save-direction writes one edit"),
    (("--edit", "a -> b", "--edit", "a -> c", "--save-direction", "red"), "--save-direction writes one edit"),
    ((*PROMPT, "--save-direction", "."), "is a directory"),
]


@pytest.mark.parametrize(("words", "expected"), BAD_USAGE, ids=[" ".join(map(str, case[0]))[:60] for case in BAD_USAGE])
def test_bad_usage(run: Run, tmp_path: Path, words: tuple[object, ...], expected: str) -> None:
    failed(run(*words, "--out", "out"), 2, expected)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("alpha", ["1e300", "1,1e300,2"])
def test_a_picture_that_is_not_finite(run: Run, tmp_path: Path, alpha: str) -> None:
    failed(run(*PROMPT, "--alpha", alpha, "--out", "out"), 1, "not finite; lower the strength")
    assert files_in(tmp_path) == []


def test_a_table_of_another(run: Run, tmp_path: Path, models: Models) -> None:
    table = models.relevance()
    assert table
    for name, clip, about in (
        ("generator", models.clip, {**table.about, "generator": "other"}),
        ("clip", tiny_clip(seed=1), table.about),
    ):
        save_relevance(replace(table, about=about), clip, tmp_path / "other.safetensors")
        failed(run(*PROMPT, "--relevance", "other.safetensors", "--out", name), 1, "was made for")
        assert files_in(tmp_path) == ["other.safetensors"]
    failed(run(*PROMPT, "--relevance", "nonsense"), 1, "nonsense: there is no such file")


def test_a_table_that_is_not_there(bare: Run, tmp_path: Path) -> None:
    failed(bare(*PROMPT, "--relevance", "table"), 2, "has no relevance table; make one with `styleclip prepare`")


def test_a_direction_of_another_generator(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    done(run(*PROMPT, "--channels", 3, "--save-direction", "red.safetensors", "--out", "one"))
    other = save_generator(tiny_generator(seed=4), tmp_path / "other.safetensors")
    words = ["global-dir", "--model", str(other), "--clip", str(files["clip"]), "--direction", "red.safetensors"]
    result = CliRunner().invoke(main, [*words, "--out", "two"], prog_name="styleclip")
    failed(result, 1, "red.safetensors: this direction was found for another generator; pass that one with --model")
    failed(run("--direction", other), 1, "it holds generator, no direction")
    saved = ("--direction", "red.safetensors", "--out", "three")
    failed(run(*saved, "--channels", 3), 2, "a saved direction has its channels already")
    failed(run(*saved, "--save-direction", "again"), 2, "--save-direction writes one edit")
    assert not list((tmp_path / "two").iterdir())


def test_an_unwritable_direction_is_told_before_the_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(styleclip, "load", lambda *_, **__: pytest.fail("the work began"))
    words = (*PROMPT, "--out", "out", "--save-direction")
    failed(run(*words, "file/red.safetensors"), 1, "cannot write file: a file of that name is in the way")
    failed(run(*words, "file"), 1, "file exists; pass --overwrite or another --save-direction")


def test_earlier_results_stay(run: Run, tmp_path: Path) -> None:
    words = (*PROMPT, "--alpha", "1,2", "--beta", 0.1, "--out", "out")
    done(run(*words))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    failed(run(*words), 1, "out already holds results (grid.png)", "--overwrite")
    (tmp_path / "out" / "grid.png").unlink()
    failed(run(*words), 1, "alpha_1 already holds results", "--overwrite")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}.items() <= before.items()
    done(run(*words, "--overwrite"))


class CtrlC:
    """Stands for `auto_alpha.zero_shot_probability` and presses Ctrl-C when it is called for the n-th time."""

    def __init__(self, calls: int) -> None:
        self.left, self.real = calls, auto_alpha.zero_shot_probability

    def __call__(self, *arguments: Any) -> Tensor:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return self.real(*arguments)


def test_ctrl_c_keeps_the_best_so_far(
    run: Run, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", CtrlC(3))
    words = (*PROMPT, "--channels", 9, "--sure", 1, "--seeds", "0-1", "--grid", "--out", "out")
    result = run(*words, "--alpha", "auto")
    assert result.exit_code == 130 and result.stderr == "Interrupted; kept the best result so far\n"
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["interrupted"] is True and "grid.png" not in files_in(tmp_path / "out")
    assert moved(tmp_path / "out", models).any()


def test_ctrl_c_keeps_what_is_finished(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_alpha, "zero_shot_probability", CtrlC(2))
    result = run(*PROMPT, "--channels", 9, "--sure", 1, "--alpha", "auto,1,2", "--json", "--out", "out")
    assert result.exit_code == 130 and result.stderr == "Interrupted; kept 2 of 3 results\n"
    assert [record["settings"]["alpha"] for record in json.loads(result.stdout)["results"]] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["alpha_1", "alpha_2"]


# --- as a person runs it


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv[1:] = ['global-dir', '--help']; from styleclip.cli import main\ntry: main()\nfinally: "
    )
    result = run_python("-c", script + "print('torch' in sys.modules, 'numpy' in sys.modules, 'PIL' in sys.modules)")
    assert result.stdout.endswith("False False False\n"), result.stderr


def test_the_demo_needs_no_table(tmp_path: Path) -> None:
    words = ("--prompt", "a smiling face", "--relevance", "gradient", "--images", "4", "--alpha", "2", "--seed", "2")
    result = run_styleclip("global-dir", *words, "--json", "--out", "out", cwd=tmp_path)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    record = json.loads(result.stdout)
    told = record["provenance"]["directions"][0]
    assert told["relevance"]["source"] == "gradient" and told["channels"] > 10 and told["movement"] > 0
    assert record["scores"][0]["clip_after"] > record["scores"][0]["clip_before"]
    assert not np.array_equal(pixels(tmp_path / "out" / "before.png"), pixels(tmp_path / "out" / "after.png"))


# --- how it is written


@pytest.mark.parametrize(
    ("text", "values"),
    [("4", (4.0,)), (" -4, 0 ,4", (-4.0, 0.0, 4.0)), ("auto", ("auto",)), ("1,auto,1", (1.0, "auto"))],
)
def test_strengths(text: str, values: tuple[object, ...]) -> None:
    assert parse_strengths(text) == values


def test_an_edit_in_one_line() -> None:
    assert parse_edit("face -> smiling face @ 3, 0.12") == EditRequest("smiling face", ("face",), None, 3.0, 0.12)
    assert parse_edit("a / b->c@auto") == EditRequest("c", ("a", "b"), None, "auto")
    assert parse_edit("a -> b") == EditRequest("b", ("a",))


def test_a_file_and_its_strength(tmp_path: Path) -> None:
    path = tmp_path / "red @ home.safetensors"
    path.write_text("")
    assert parse_direction(f"{path} @ -2") == EditRequest(saved=path, alpha=-2.0)


@pytest.mark.parametrize(("value", "text"), [(4.0, "4"), (-0.5, "-0.5"), (0.1234567, "0.1234567"), ("auto", "auto")])
def test_numbers_name_folders(value: Any, text: str) -> None:
    assert format_number(value) == text
