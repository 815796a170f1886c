"""scripts/train_encoder.py: pictures from a folder or a file of renders, and one sentence for what is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

from scripts.train_encoder import main
from styleclip.errors import UsageError
from styleclip.training.encoder.data import open_images
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.weights.load import load_encoder
from tests.helpers.support import done, failed

Run = Callable[..., Result]
SMALL = (
    "--widths",
    "4,4,6,8",
    "--frame",
    "16",
    "--steps",
    "2",
    "--batch-size",
    "4",
    "--held-out",
    "2",
    "--leak",
    "0.2",
)
OUT = ("--out", "encoder.safetensors")


@pytest.fixture(autouse=True)
def same_denormals() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The script on the tiny models, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    words = ["--model", str(files[0]), "--clip", str(files[1]), "--identity", "none", "--device", "cpu"]
    return lambda *more: CliRunner().invoke(main, [*words, *map(str, more)], prog_name="train_encoder")


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
    found = done(run(*SMALL, *OUT, "--images", folder_of([(40, 40)] * 5), "--no-flip", "--jitter", "0.02"))
    assert found.stdout == "encoder.safetensors\n"
    config = load_encoder("encoder.safetensors").config
    assert (config.widths, config.frame, config.leak) == ((4, 4, 6, 8), 16, 0.2)
    assert (Path("encoder") / "metrics.jsonl").is_file()
    failed(run(*SMALL, *OUT, "--images", "faces"), 1, "encoder.safetensors exists", "pass --overwrite")


def test_a_file_of_renders(run: Run) -> None:
    done(run(*SMALL, *OUT, "--images", renders(6, 3, 24, 24), "--half", "--folder", "notes", "--threads", "1"))
    done(run(*SMALL, "--out", "second.safetensors", "--start", "encoder.safetensors"))
    assert Path("notes/metrics.jsonl").is_file() and load_encoder("second.safetensors").config.frame == 16


def test_pictures_arrive_as_they_are(run: Run) -> None:
    path = renders(6, 3, 24, 24)
    images = open_images(path).at(torch.tensor([4, 1]), 24)
    assert images.min() >= -1 and images.max() <= 1
    assert open_images(path).at(torch.tensor([0]), 16).shape == (1, 3, 16, 16)
    pixels = [Image.fromarray(((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()) for image in images]
    Path("faces").mkdir()
    for i, picture in enumerate(pixels):
        picture.resize((48, 48), Image.Resampling.NEAREST).save(f"faces/{i}.png")
    found = open_images(Path("faces")).at(torch.tensor([0, 1]), 48)
    torch.testing.assert_close(found[:, :, ::2, ::2], images, atol=1e-6, rtol=0)


def test_what_is_wrong_is_said_in_a_sentence(run: Run) -> None:
    failed(run(*SMALL, *OUT, "--images", folder_of([(40, 40), (40, 50)])), 1, "1.png is not square; align")
    failed(run(*SMALL, *OUT, "--images", renders(6, 3, 24, 20)), 1, "uint8 [6, 3, 24, 20]; pass uint8 of shape")
    failed(run(*SMALL, *OUT, "--images", "absent"), 1, "there is no picture called absent")
    failed(run(*SMALL, *OUT, "--images", "absent.safetensors"), 1, "has no tensor `images`", "pass a file of renders")
    save_file({"faces": torch.zeros(1)}, "other.safetensors")
    failed(run(*SMALL, *OUT, "--images", "other.safetensors"), 1, "has no tensor `images`")
    failed(run(*SMALL, *OUT, "--widths", "4,x"), 1, "--widths is '4,x'; give whole numbers")
    failed(run(*SMALL, *OUT, "--frame", "17"), 1, "frame is 17; it must be a power of 2")
    failed(run(*SMALL, "--out", "encoder"), 1, "encoder is to be a file, not a folder", "encoder.safetensors")
    assert not Path("encoder.safetensors").exists()


def test_a_picture_that_cannot_be_read(run: Run) -> None:
    folder = folder_of([(40, 40)])
    (folder / "0.png").write_bytes(b"\x89PNG")
    assert len(open_images(folder)) == 1
    failed(run(*SMALL, *OUT, "--images", folder, "--samples", "0.25"), 1, "0.png is damaged or cut off; copy")


def test_every_number_of_the_settings_is_an_option() -> None:
    text = done(CliRunner().invoke(main, ["--help"])).stdout
    fields = {field.name: field.default for field in dataclasses.fields(EncoderTraining)}
    numbers = [name for name, value in fields.items() if type(value) in (int, float)]
    assert len(numbers) > 15 and all(f"--{name.replace('_', '-')} " in text for name in numbers)
    with pytest.raises(UsageError):
        open_images(Path("absent"))
