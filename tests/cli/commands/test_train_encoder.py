"""`styleclip train-encoder`: images from a folder or a file, what it writes and prints, and its error sentences."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

from styleclip.cli import main
from styleclip.cli.output.progress import EtaProgress
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.weights.load import load_encoder
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed, run_python

Run = Callable[..., Result]
SMALL = ("--widths", "4,4,6,8", "--frame", "16", "--leak", "0.2")
SHORT = (*SMALL, "--steps", "2", "--batch-size", "4", "--held-out", "2")
OUT = ("--out", "encoder.safetensors")


@pytest.fixture(autouse=True)
def same_denormals() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip train-encoder` on the tiny models, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    words = [
        "train-encoder",
        "--model",
        str(files[0]),
        "--clip",
        str(files[1]),
        "--identity",
        "none",
        "--device",
        "cpu",
    ]
    return lambda *more: invoke(*words, *more)


def folder_of(sizes: list[tuple[int, int]]) -> Path:
    Path("faces").mkdir()
    for i, size in enumerate(sizes):
        Image.new("RGB", size, (40 * i, 100, 50)).save(f"faces/{i}.png")
    return Path("faces")


def renders(*shape: int) -> Path:
    pixels = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    save_file({"images": pixels}, "renders.safetensors")
    return Path("renders.safetensors")


def test_a_folder_of_pictures(run: Run) -> None:
    found = done(run(*SHORT, *OUT, "--images", folder_of([(40, 40)] * 5), "--no-flip", "--jitter", "0.02"))
    assert found.stdout == "encoder.safetensors\nencoder\n"
    config = load_encoder("encoder.safetensors").config
    assert (config.widths, config.frame, config.leak) == ((4, 4, 6, 8), 16, 0.2)
    assert (Path("encoder") / "metrics.jsonl").is_file()
    failed(run(*SHORT, *OUT, "--images", "faces"), 1, "encoder.safetensors exists", "pass --overwrite")


def test_a_file_of_renders(run: Run) -> None:
    done(run(*SHORT, *OUT, "--images", renders(6, 3, 24, 24), "--half", "--folder", "notes"))
    done(run(*SHORT, "--out", "second.safetensors", "--start", "encoder.safetensors"))
    assert Path("notes/metrics.jsonl").is_file() and load_encoder("second.safetensors").config.frame == 16


def test_what_is_wrong_is_said_in_a_sentence(run: Run) -> None:
    failed(run(*SHORT, *OUT, "--images", folder_of([(40, 40), (40, 50)])), 2, "1.png is 40 x 50 px", "one shape")
    failed(run(*SHORT, *OUT, "--images", renders(6, 3, 24, 20)), 2, "20 x 24 px", "draws 16 x 16 px; cut them")
    failed(run(*SHORT, *OUT, "--images", renders(6, 4, 24, 24)), 2, "uint8 [6, 4, 24, 24]; pass uint8 of shape")
    failed(run(*SHORT, *OUT, "--images", "absent"), 2, "there is no picture called absent")
    failed(run(*SHORT, *OUT, "--images", "absent.safetensors"), 2, "has no tensor `images`", "pass a file of renders")
    save_file({"faces": torch.zeros(1)}, "other.safetensors")
    failed(run(*SHORT, *OUT, "--images", "other.safetensors"), 2, "has no tensor `images`")
    failed(run(*SHORT, *OUT, "--widths", "4,x"), 2, "'4,x' is not a list of whole numbers; write it like 64,128")
    failed(run(*SHORT, *OUT, "--frame", "17"), 2, "frame is 17; it must be a power of 2")
    failed(run(*SHORT, "--out", "encoder"), 1, "encoder is to be a file, not a folder", "encoder.safetensors")
    assert not Path("encoder.safetensors").exists()


def test_a_picture_that_cannot_be_read(run: Run) -> None:
    folder = folder_of([(40, 40)])
    (folder / "0.png").write_bytes(b"\x89PNG")
    failed(run(*SHORT, *OUT, "--images", folder, "--samples", "0.25"), 1, "0.png is damaged or cut off; copy")


def test_a_record_for_machines(run: Run) -> None:
    record = json.loads(done(run(*SHORT, *OUT, "--lr", "0.01", "--kind", "psp", "--seed", "3", "--json")).stdout)
    assert record["files"] == ["encoder.safetensors", "encoder"]
    about = record["encoder"]
    assert (about["lr"], about["kind"], about["seed"], about["widths"]) == (0.01, "psp", 3, [4, 4, 6, 8])
    assert about["pictures"] == 0 and about["lambda_l2"] == 1.0


def test_where_it_goes_by_itself(run: Run) -> None:
    assert done(run(*SHORT)).stdout.splitlines() == ["styleclip-out/encoder.safetensors", "styleclip-out/encoder"]


def test_ctrl_c_and_resume(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    show_eta, seen = EtaProgress.show_eta, list[int]()

    def interrupt(self: EtaProgress, step: int, *rest: object) -> None:
        seen.append(step)
        if len(seen) == 2:
            raise KeyboardInterrupt
        show_eta(self, step, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(EtaProgress, "show_eta", interrupt)
    monkeypatch.setattr("styleclip.training.encoder.train.SAVE_EVERY", 0.0)
    words = (*SHORT, *OUT, "--steps", "4")
    result = run(*words)
    assert (result.exit_code, result.stdout) == (130, "")
    kept = "state.safetensors is kept, of the last seconds; the same command with --resume goes on from there\n"
    assert result.stderr.startswith("Interrupted; ") and result.stderr.endswith(kept)
    failed(run(*words), 1, "holds an unfinished training; pass --resume to go on, or --overwrite")
    done(run(*words, "--resume"))
    assert seen == [1, 2, 3, 4] and not Path("encoder/state.safetensors").exists()
    again = done(run(*words, "--resume"))
    assert again.stdout.splitlines()[0] == "encoder.safetensors"
    assert again.stderr == "Trained before, with these settings\n"


def test_lines_where_there_is_no_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EtaProgress, "LINE_EVERY", 0.0)
    lines = done(run(*SHORT, *OUT)).stderr.splitlines()
    assert len(lines) == 2 and lines[-1].startswith("train-encoder: 2 of 2, 0 s left, loss ")
    assert done(run(*SHORT, *OUT, "--overwrite", "--quiet")).stderr == ""


def test_every_setting_is_an_option() -> None:
    text = done(CliRunner().invoke(main, ["train-encoder", "--help"])).stdout
    names = [field.name for field in dataclasses.fields(EncoderTraining)]
    assert len(names) > 20 and all(f"--{name.replace('_', '-')}" in text.split() for name in names if name != "flip")
    assert "--flip / --no-flip" in text


def test_help_needs_no_torch() -> None:
    code = "import sys, styleclip.cli.commands.train_encoder; sys.exit('torch' in sys.modules)"
    assert run_python("-c", code).returncode == 0
