"""`styleclip train-mapper` on the command line: what it writes and prints, and one sentence for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result
from PIL import Image

import styleclip
from styleclip.cli.output.progress import EtaProgress
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.mapper import load_trained_mapper
from styleclip.weights.describe import describe
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed, run_python
from tests.helpers.tiny import random_w_plus

Run = Callable[..., Result]
PROMPT = ("--prompt", "a face with red hair")
SMALL = ("--num-latents", "12", "--held-out", "4", "--batch-size", "4", "--steps", "4", "--evaluate-every", "2")
OUT = ("--out", "m.safetensors")
RUN = (*PROMPT, *SMALL, *OUT)


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip train-mapper` on the tiny models, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("STYLECLIP_DEBUG", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    words = ["train-mapper", "--model", str(files[0]), "--clip", str(files[1]), "--identity", "none"]
    return lambda *more: invoke(*words, *more)


# --- what it makes


def test_one_prompt(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    lines = done(run(*RUN, "--neutral", "a face", "--sheet-every", "2")).stdout.splitlines()
    assert lines[:2] == ["m.safetensors", "m.training"]
    assert lines[2].startswith("a face with red hair: on faces held out CLIP is ")
    made = sorted(path.name for path in (tmp_path / "m.training").iterdir())
    assert [name for name in made if "events" not in name] == [
        "metrics.jsonl",
        "samples_000002.png",
        "samples_000004.png",
    ]
    with Image.open(tmp_path / "m.training" / "samples_000004.png") as sheet:
        assert sheet.width > 2 * 128 and sheet.height > 3 * 128
    rows = [json.loads(line) for line in (tmp_path / "m.training" / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["split"]) for row in rows] == [(2, "held-out"), (4, "train"), (4, "held-out")]
    assert rows[0].keys() == {"step", "prompt", "split", "loss", "clip", "l2", "target"}
    models = styleclip.load(str(files[0]), clip=files[1], identity="none")
    trained = load_trained_mapper("m.safetensors", models)
    assert trained.prompt == styleclip.Prompt("a face with red hair", "a face")
    assert trained.about["scores"]["target"] == pytest.approx(
        rows[trained.about["best_step"] // 2 - 1]["target"], abs=1e-4
    )


def test_a_record_for_machines(run: Run) -> None:
    options = (
        "--lr",
        "0.1",
        "--optimizer",
        "ranger",
        "--lambda-l2",
        "0.5",
        "--levels",
        "coarse,medium",
        "--psi",
        "0.7",
    )
    record = json.loads(done(run(*RUN, *options, "--seed", "3", "--json")).stdout)
    [mapper] = record["mappers"]
    assert record["files"] == ["m.safetensors", "m.training"]
    assert (mapper["lr"], mapper["optimizer"], mapper["lambda_l2"], mapper["psi"]) == (0.1, "ranger", 0.5, 0.7)
    assert (mapper["levels"], mapper["seed"], mapper["lambda_id"]) == (["coarse", "medium"], 3, 0.1)


def test_a_mapper_for_every_prompt(run: Run, tmp_path: Path) -> None:
    done(run(*PROMPT, "--prompt", "an old face", *SMALL, "--out", "both"))
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == [
        "a-face-with-red-hair.safetensors",
        "an-old-face.safetensors",
        "training",
    ]


def test_where_it_goes_by_itself(run: Run) -> None:
    first, second, *_ = done(run(*PROMPT, *SMALL)).stdout.splitlines()
    assert first == "styleclip-out/mappers/a-face-with-red-hair.safetensors"
    assert second == "styleclip-out/mappers/a-face-with-red-hair.training"


def test_latents_of_a_file(run: Run, tmp_path: Path) -> None:
    save_latent(random_w_plus(10), tmp_path / "faces.safetensors")
    options = tuple(word for word in RUN if word not in ("--num-latents", "12"))
    record = json.loads(done(run(*options, "--latents", "faces.safetensors", "--json")).stdout)
    assert len(record["mappers"][0]["latents"]) == 64


def test_style_space(run: Run, tmp_path: Path) -> None:
    done(run(*RUN, "--space", "s"))
    [mapper] = describe(tmp_path / "m.safetensors")["parts"]
    assert mapper["mapper"] == "stylespace" and mapper["target"] == "a face with red hair"
    done(run(*RUN, "--space", "s", "--torgb", "--overwrite"))
    assert describe(tmp_path / "m.safetensors")["parts"][0]["mapper"] == "full stylespace"


def test_it_is_no_larger_than_its_networks(run: Run, tmp_path: Path) -> None:
    done(run(*RUN))
    [mapper] = describe(tmp_path / "m.safetensors")["parts"]
    assert (tmp_path / "m.safetensors").stat().st_size < 4 * mapper["parameters"] + 6000
    done(run(*RUN, "--half", "--overwrite"))
    [mapper] = describe(tmp_path / "m.safetensors")["parts"]
    assert mapper["precision"] == "float16"


# --- going on


def test_ctrl_c_and_resume(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show_eta, seen = EtaProgress.show_eta, list[int]()

    def interrupt(self: EtaProgress, done_: int, *rest: object) -> None:
        seen.append(done_)
        if len(seen) == 3:
            raise KeyboardInterrupt
        show_eta(self, done_, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(EtaProgress, "show_eta", interrupt)
    monkeypatch.setattr("styleclip.training.mapper.train.SAVE_EVERY", 0.0)
    result = run(*RUN)
    assert (result.exit_code, result.stdout) == (130, "")
    kept = "state.safetensors is kept, of the last seconds; the same command with --resume goes on from there\n"
    assert result.stderr.startswith("Interrupted; ") and result.stderr.endswith(kept)
    failed(run(*RUN), 1, "holds an unfinished training; pass --resume to go on, or --overwrite")
    failed(run(*RUN, "--lr", "0.1", "--resume"), 1, "was begun with lr 0.5, not 0.1; finish that, or pass --overwrite")
    done(run(*RUN, "--resume"))
    assert seen == [1, 2, 3, 4] and not (tmp_path / "m.training" / "state.safetensors").exists()
    again = done(run(*RUN, "--resume"))
    assert again.stdout.splitlines()[0] == "m.safetensors" and again.stderr == "Trained before, with these settings\n"


def test_lines_where_there_is_no_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EtaProgress, "LINE_EVERY", 0.0)
    lines = done(run(*RUN)).stderr.splitlines()
    assert len(lines) == 4 and lines[-1].startswith("train-mapper: 4 of 4, 0 s left, loss ")
    assert ", target 0." in lines[-1]
    assert done(run(*RUN, "--overwrite", "--quiet")).stderr == ""


# --- what is wrong


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--prompt", " "), 2, "the prompt is empty"),
        (("--prompt", "a face " * 60), 2, "more than the 22 tokens that CLIP reads"),
        (("--prompt", "an old face"), 2, "2 prompts make as many mappers; pass a folder as --out"),
        (("--neutral", ""), 2, "the neutral text is empty"),
        (("--steps", "0"), 2, "--steps"),
        (("--lr", "nan"), 2, "nan is not a finite number"),
        (("--levels", "coarse,top"), 2, "'top' is no level; choose from coarse, medium, fine, all"),
        (("--levels", "all,fine"), 2, "or all by itself"),
        (("--levels", "fine", "--space", "s"), 2, "leave them out in style space"),
        (("--loss-resolution", "12"), 2, "loss_resolution is 12; this generator draws 4, 8, 16 px"),
        (("--loss-resolution", "half"), 2, "pass auto, full or a number of px"),
        (("--out", "m.pt"), 2, "name a file that ends with .safetensors, or a folder"),
        (("--latents", "absent.pt"), 2, "does not exist"),
        (("--latents", "one.safetensors"), 2, "--num-latents counts samples"),
        (("--out", "file/m.safetensors"), 1, "a file of that name is in the way"),
        (("--out", "there.safetensors"), 1, "there.safetensors exists; pass --overwrite or another --out"),
        (("--model", "nobody"), 1, "'nobody' is neither a model nor a file nor a URL"),
        (("--device", "cuda:99"), 2, "device"),
    ],
)
def test_one_sentence_each(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "there.safetensors").write_text("")
    save_latent(random_w_plus(1), tmp_path / "one.safetensors")
    words_of_it = PROMPT if arguments[0] != "--prompt" or "old" in arguments[1] else ()
    failed(run(*words_of_it, *SMALL, *OUT, *arguments), code, words)
    assert not (tmp_path / "m.safetensors").exists() and (tmp_path / "there.safetensors").read_text() == ""


@pytest.mark.parametrize(
    ("latent", "code", "words"),
    [
        (random_w_plus(9, num_ws=5), 1, "[9, 5, 8] does not fit this generator, whose shapes are w+ [N, 6, 8]"),
        (Latent(Space.W_PLUS, torch.full((9, 6, 8), torch.nan)), 1, "[9, 6, 8] holds NaN or infinite numbers"),
        (Latent(Space.S, torch.zeros(9, 3)), 1, "[9, 3] does not fit this generator, whose shapes are s [N, 41]"),
    ],
)
def test_latents_that_do_not_fit(run: Run, tmp_path: Path, latent: Latent, code: int, words: str) -> None:
    save_latent(latent, tmp_path / "faces.safetensors")
    failed(run(*PROMPT, *OUT, "--latents", "faces.safetensors"), code, words)
    assert not (tmp_path / "m.safetensors").exists()


def test_words_that_clip_does_not_know(run: Run, tmp_path: Path) -> None:
    zebra = ("--prompt", "a zebra face", *SMALL, *OUT)
    failed(run(*zebra), 2, "the tiny CLIP does not know 'zebra'", "--force")
    result = done(run(*zebra, "--force", "--overwrite"))
    assert "Warning: the tiny CLIP does not know 'zebra'" in result.stderr


def test_help_needs_no_torch() -> None:
    ran = run_python(
        "-c",
        "import sys, styleclip.cli.commands.train_mapper, styleclip.cli.commands.map; sys.exit('torch' in sys.modules)",
    )
    assert ran.returncode == 0, ran.stderr
