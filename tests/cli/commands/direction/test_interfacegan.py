"""`direction interfacegan`: scores by CLIP or of a table become an entry of the library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.directions.library import library_folder
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from tests.helpers.direction_files import normal
from tests.helpers.support import failed
from tests.helpers.tiny import TINY

pytestmark = pytest.mark.usefixtures("known_units")


def run(*words: object) -> Result:
    command = ["direction", "interfacegan", "--name", "red", "--quiet", *map(str, words)]
    return CliRunner().invoke(main, command, prog_name="styleclip")


def done(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def write_table(latent: Latent) -> None:
    """`scores.csv`: the first number of every w, with the seeds from 0, and `alone.csv` without them."""
    scores = [f"{each:.6f}" for each in latent.data[:, 0].tolist()]
    Path("alone.csv").write_text("score\n" + "\n".join(scores))
    Path("scores.csv").write_text("seed,score\n" + "\n".join(f"{i},{each}" for i, each in enumerate(scores)))


def seed_w(models: Models, count: int = 40) -> Latent:
    w_plus = styleclip.Editor(models).sample(seeds=range(count))
    return Latent(Space.W, w_plus.data[:, 0])


def load_red(models: Models) -> LatentDirection:
    found = styleclip.load_direction("red", models)
    assert isinstance(found, LatentDirection)
    return found


def test_scores_by_clip(model: tuple[str, ...], models: Models) -> None:
    words = ("--prompt", "red hair", "--neutral", "an old face", "--samples", 60, *model)
    path, head, row, said = done(*words, "--fit", "svm", "--ratio", 0.3, "--absolute").splitlines()
    assert Path(path) == library_folder() / "red.safetensors" and head.split()[0] == "direction"
    assert row.split()[:6] == ["red", "w", "all", "-2", "to", "2"] and said.startswith(
        "Of 60 samples the boundary tells"
    )
    found = load_red(models)
    assert found.prompt == styleclip.Prompt("red hair", "an old face") and found.center is not None
    assert (found.unit, found.origin["scores"], found.origin["trained"]) == (1.25, "CLIP", 24)


def test_scores_of_seeds(model: tuple[str, ...], models: Models) -> None:
    write_table(seed_w(models))
    record = json.loads(done("--scores", "scores.csv", "--layers", "1-2", "--no-calibrate", "--json", *model))
    [direction] = record["directions"]
    assert direction.items() >= {"name": "red", "space": "w+", "layers": "1-2", "unit": None, "target": None}.items()
    assert direction["origin"]["scores"] == "scores.csv" and len(direction["origin"]["scores_sha256"]) == 64
    rows = load_red(models).data[0]
    assert rows[[0, 3, 4, 5]].abs().max() == 0 and rows[1, 0] == rows[1].abs().max()


def test_scores_of_latents(model: tuple[str, ...], models: Models) -> None:
    latent = seed_w(models)
    write_table(latent)
    done("--scores", "scores.csv", *model)
    by_seeds = load_red(models).data
    save_latent(latent, Path("w.safetensors"))
    done("--scores", "alone.csv", "--latents", "w.safetensors", "--overwrite", *model)
    assert torch.allclose(load_red(models).data, by_seeds, atol=1e-5)
    done("--prompt", "red hair", "--neutral", "old", "--latents", "w.safetensors", "--overwrite", *model)
    assert load_red(models).origin["samples"] == 40


def test_a_condition_of_the_library(model: tuple[str, ...], models: Models) -> None:
    write_table(seed_w(models))
    torch.save(normal(1, TINY.w_dim), "other.pt")
    done("--scores", "scores.csv", "--condition", "other.pt", *model)
    found = load_red(models)
    assert (found.data @ normal(1, TINY.w_dim).T).abs() < 1e-5 and found.origin["conditions"] == ["other.pt"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "nothing scores the samples; pass one of --prompt and --scores"),
        (["--prompt", "red", "--scores", "scores.csv"], 2, "--prompt and --scores both score the samples; pass one"),
        (["--scores", "scores.csv", "--neutral", "old"], 2, "--neutral is for a text; pass it with --prompt"),
        (["--scores", "scores.csv", "--samples", "50"], 2, "--samples draws latents, and a file has them already"),
        (["--prompt", "red", "--latent-space", "w"], 2, "--latent-space says what a file of latents holds"),
        (["--prompt", ""], 2, "the prompt is empty"),
        (["--scores", "alone.csv"], 2, "alone.csv has no column seed; pass the latents that it scores with --latents"),
        (["--scores", "scores.csv", "--latents", "w.safetensors"], 2, "scores.csv names its samples by seed; leave"),
        (["--scores", "few.csv", "--latents", "w.safetensors"], 2, "few.csv has 2 scores for 40 latents; pass one for"),
        (["--scores", "few.csv", "--latents", "none.pt"], 2, "none.pt"),
        (["--scores", "equal.csv", "--latents", "w.safetensors"], 2, "all 40 scores are 3; pass those of an attribute"),
        (["--scores", "scores.csv", "--fit", "svm"], 2, "40 samples with ratio 0.02 leave 0 for each side"),
        (["--scores", "scores.csv", "--layers", "6"], 2, "layers 6 are not among 0-5"),
        (["--scores", "scores.csv", "--condition", "nobody"], 1, "'nobody' is neither a direction of the library nor"),
        (["--prompt", "red", "--name", "A b"], 2, "'A b' cannot be the name of a direction; call it 'a-b'"),
    ],
)
def test_bad_usage(model: tuple[str, ...], models: Models, words: list[str], code: int, sentence: str) -> None:
    latent = seed_w(models)
    write_table(latent)
    save_latent(latent, Path("w.safetensors"))
    Path("few.csv").write_text("score\n1\n2\n")
    Path("equal.csv").write_text("score\n" + "3\n" * 40)
    result = CliRunner().invoke(
        main, ["direction", "interfacegan", *([] if "--name" in words else ["--name", "red"]), *words, *model]
    )
    failed(result, code, sentence)
    assert not library_folder().exists()
