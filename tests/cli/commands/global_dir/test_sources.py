"""Edits in turn, saved directions and latents of files in `styleclip global-dir`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from click.testing import Result

from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.file_state import sha256_of
from tests.helpers.global_dir import NEUTRAL, PROMPT, TARGET, close, direction_of, moved, pixels, records
from tests.helpers.support import done

Run = Callable[..., Result]


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
    latent = tmp_path / "one" / "latent.safetensors"
    assert record["provenance"]["source"] == {"latent": "../one/latent.safetensors", "latent_sha256": sha256_of(latent)}
    one, rows, two = (Latent.load(tmp_path / name / "latent.safetensors").data for name in ("one", "rows", "two"))
    torch.testing.assert_close(rows, one[[1, 3]])
    close(two - one, direction_of(models, Prompt(TARGET, NEUTRAL), 0.2))
