"""What `styleclip global-dir` does to the styles, against the formula."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result

from styleclip.images import read_record
from styleclip.methods import auto_alpha
from styleclip.models import Models
from styleclip.prompts import Prompt
from tests.helpers.global_dir import ABOUT, NEUTRAL, PROMPT, TARGET, close, direction_of, largest, moved, records
from tests.helpers.support import done

Run = Callable[..., Result]


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
    told = read_record(tmp_path / "out" / "001_after.png")
    paths, names = (each["provenance"].pop("load") for each in (record, told))
    assert {key: Path(path).name for key, path in paths.items()} == names and paths["clip"].startswith("../")
    assert record["provenance"].pop("relevance").startswith("../")
    assert told["provenance"].pop("relevance") == "table.safetensors"
    assert told.pop("picture") in record.pop("pictures") and told == record


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
