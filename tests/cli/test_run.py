"""The command line on the demo models, in processes of its own: what a person types and gets."""

import json
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from styleclip.images import read_record
from styleclip.latents import Latent, Space
from tests.helpers.support import run_styleclip, start_styleclip

PROMPT = ("--prompt", "a face with red hair")


def test_an_edit_leaves_everything_needed_to_run_it_again(tmp_path: Path, python: list[str]) -> None:
    ran = run_styleclip("optimize", *PROMPT, "--seed", "3", "--steps", "4", "--out", "out", cwd=tmp_path, python=python)
    assert ran.returncode == 0, ran.stderr
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["prompt"] == "a face with red hair" and record["settings"]["steps"] == 4
    assert record["provenance"]["source"] == {"seeds": [3]}
    assert len(record["provenance"]["generator"]["sha256"]) == 64
    assert set(record["scores"][0]) == {"clip_before", "clip_after", "identity"}
    told = read_record(tmp_path / "out" / "after.png")
    assert told is not None and told.pop("picture") == "after.png"
    assert set(record.pop("pictures")) == {"before.png", "after.png", "comparison.png"} and told == record
    with Image.open(tmp_path / "out" / "comparison.png") as picture:
        assert picture.width > 2 * 256
    assert Latent.load(tmp_path / "out" / "latent.safetensors").space is Space.W_PLUS
    again = ("--latent", "out/latent.safetensors", "--steps", "2", "--space", "s", "--json", "--out", "two")
    chained = run_styleclip("optimize", "--prompt", "a smiling face", *again, cwd=tmp_path, python=python)
    assert json.loads(chained.stdout)["settings"]["space"] == "s", chained.stderr
    assert Latent.load(tmp_path / "two" / "latent.safetensors").space is Space.S


def test_the_same_seed_gives_the_same_picture(tmp_path: Path, python: list[str]) -> None:
    for out in ("a", "b"):
        run_styleclip("optimize", *PROMPT, "--steps", "3", "--out", out, cwd=tmp_path, python=python)
    with Image.open(tmp_path / "a" / "after.png") as a, Image.open(tmp_path / "b" / "after.png") as b:
        assert a.tobytes() == b.tobytes()


def test_ctrl_c_keeps_the_best_so_far(tmp_path: Path) -> None:
    endless = ("--steps", "100000", "--patience", "100000", "--save-every", "1", "--out", "out")
    process = start_styleclip("optimize", *PROMPT, *endless, cwd=tmp_path)
    frames, deadline = tmp_path / "out" / "frames", time.monotonic() + 120
    while len(list(frames.glob("*.png"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "kept the best result so far" in errors and "Traceback" not in errors
    assert json.loads((tmp_path / "out" / "result.json").read_text())["interrupted"] is True
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--prompt", "hair " * 500), 2, "more than the"),
        ((*PROMPT, "--model", "nobody"), 1, "'nobody' is neither a model nor a file nor a URL; the closest models are"),
        ((*PROMPT, "--identity", "arcface"), 1, "download https://"),
        ((*PROMPT, "--device", "cuda:99"), 2, "device"),
    ],
)
def test_one_sentence_each(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path, python: list[str]
) -> None:
    ran = run_styleclip("optimize", *arguments, cwd=tmp_path, python=python, STYLECLIP_HOME=str(tmp_path))
    assert ran.returncode == code and words in ran.stderr
    assert "Traceback" not in ran.stderr and ran.stdout == ""
    assert not list(tmp_path.rglob("*.png"))


def test_unknown_words_are_refused_and_forced(tmp_path: Path, python: list[str]) -> None:
    command = ("optimize", "--prompt", "a face with a zebra", "--steps", "1")
    ran = run_styleclip(*command, cwd=tmp_path, python=python)
    assert ran.returncode == 2 and "does not know 'zebra'; it has words for hair colour, " in ran.stderr
    assert " and clothing colour; say it in other words, or pass --force" in ran.stderr
    assert not list(tmp_path.rglob("result.json"))
    forced = run_styleclip(*command, "--force", cwd=tmp_path, python=python)
    assert forced.returncode == 0 and forced.stderr.count("does not know 'zebra'; say it in other words\n") == 1
    [record] = tmp_path.rglob("result.json")
    assert json.loads(record.read_text())["force"] is True
