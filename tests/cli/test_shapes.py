"""Every command on generators of pictures that are not square or not RGB."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageSequence

from styleclip import loading
from styleclip.cli import main
from styleclip.latents import Latent
from styleclip.networks.clip import CLIP
from styleclip.weights.clips import load_clip
from styleclip.weights.formats.own_files import save_encoder, save_generator
from tests.helpers.files import tiny_clip_file
from tests.helpers.shapes import SHAPES
from tests.helpers.support import decode_video, done
from tests.helpers.tiny import tiny_encoder, tiny_generator

PROMPT = ("--prompt", "a face with red hair", "--neutral", "a face")
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
PHOTO_SIZE = (90, 60)


class Case(NamedTuple):
    """The command line for one generator, in a folder of its own; its pictures have this size and mode."""

    run: Callable[..., Result]
    folder: Path
    size: tuple[int, int]  # width, height
    mode: str

    def picture(self, *parts: str) -> Image.Image:
        with Image.open(self.folder.joinpath(*parts)) as picture:
            picture.load()
        return picture

    def enlarged(self, cell: int) -> tuple[int, int]:
        """Width and height of a picture on a sheet of cells whose shorter side is at least `cell`."""
        factor = -(-cell // min(self.size))
        return self.size[0] * factor, self.size[1] * factor


@functools.cache
def loaded_clip(name: str) -> CLIP:
    return load_clip(name)


@pytest.fixture(scope="module", params=["grey", "tall RGBA"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    config, folder = SHAPES[request.param], tmp_path_factory.mktemp("case")
    save_generator(tiny_generator(config), folder / "g.safetensors")
    save_encoder(tiny_encoder(), folder / "e.safetensors")
    tiny_clip_file(folder)
    noise = np.random.default_rng(0).integers(0, 255, (PHOTO_SIZE[1], PHOTO_SIZE[0], 3), np.uint8)
    Image.fromarray(noise).save(folder / "photo.png")

    def run(command: str, *words: object) -> Result:
        models = ("--model", "g.safetensors", "--clip", "clip.safetensors")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("STYLECLIP_HOME", str(folder / "cache"))
            patch.setattr(loading, "load_clip", lambda name, *_: loaded_clip(str(folder / name)))
            return done(CliRunner().invoke(main, [command, *models, *map(str, words)], prog_name="styleclip"))

    return Case(run, folder, config.image_size[::-1], MODES[config.img_channels])


def test_sample(case: Case) -> None:
    case.run("sample", "--seeds", "0-2", "--psi", "0.7", "--out", "samples")
    for seed in range(3):
        picture = case.picture("samples", f"seed_{seed:04d}.png")
        assert (picture.size, picture.mode) == (case.size, case.mode)
    sheet, (width, height) = case.picture("samples", "sheet.png"), case.enlarged(256)
    assert sheet.mode == "RGB" and sheet.width > 3 * width and height < sheet.height < height + 100


def test_optimize(case: Case) -> None:
    options = ("--seed", 1, "--steps", 3, "--save-every", 1, "--video", "--patience", 2)
    case.run("optimize", *PROMPT, *options, "--out", "optimized")
    for name in ("before.png", "after.png"):
        picture = case.picture("optimized", name)
        assert (picture.size, picture.mode) == (case.size, case.mode)
    assert case.picture("optimized", "comparison.png").mode == "RGB"
    assert case.picture("optimized", "frames", "00001.png").size == case.size
    assert len(decode_video(case.folder / "optimized" / "video.mp4")) > 2
    whitened = ("--coordinates", "whitened", "--clip-loss", "directional", "--from", "mean", "--restarts", 2)
    case.run("optimize", *PROMPT, *whitened, "--space", "s", "--steps", 2, "--seeds", "0,1", "--out", "whitened")


def test_tables_and_global_directions(case: Case) -> None:
    """Each way to prepare, a direction from each, and a grid."""
    for method in ("regression", "exact", "official", "gradient"):
        sizes = ("--samples", 200) if method == "regression" else ("--images", 2, "--num-latents", 50)
        case.run("prepare", "--method", method, *sizes, "--out", f"{method}.safetensors")
    one = ("--seed", 0, "--alpha", 2, "--channels", 5)
    for method in ("exact", "official", "gradient"):
        case.run("global-dir", *PROMPT, *one, "--relevance", f"{method}.safetensors", "--out", f"by {method}")
        assert case.picture(f"by {method}", "after.png").size == case.size
    case.run("global-dir", *PROMPT, *one, "--relevance", "gradient", "--images", 2, "--out", "on the fly")
    grid = ("--alpha", "1,3", "--beta", "0.01,0.02", "--relevance", "exact.safetensors", "--grid")
    case.run("global-dir", *PROMPT, "--seeds", "0,1", *grid, "--out", "grid")
    sheet = case.picture("grid", "grid.png")
    assert sheet.mode == "RGB" and sheet.width > 2 * case.enlarged(128)[0] and sheet.height > 5 * case.enlarged(128)[1]


def test_videos(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.sweep_sheets.FRAMES", 3)
    for kind in ("gif", "mp4"):
        options = ("--alpha", 2, "--relevance", "gradient", "--images", 2, "--video", kind, "--out", kind)
        case.run("global-dir", *PROMPT, "--seed", 0, *options)
    with Image.open(case.folder / "gif" / "sweep.gif") as frames:
        sizes = [frame.size for frame in ImageSequence.Iterator(frames)]
    assert len(set(sizes)) == 1 and sizes[0][0] >= case.enlarged(256)[0] and sizes[0][1] >= case.enlarged(256)[1]
    assert len(decode_video(case.folder / "mp4" / "sweep.mp4")) > 1


def test_mappers(case: Case) -> None:
    few = ("--num-latents", 8, "--held-out", 4, "--batch-size", 4, "--steps", 2, "--evaluate-every", 1)
    case.run("train-mapper", *PROMPT, *few, "--sheet-every", 1, "--out", "m.safetensors", "--identity", "none")
    assert case.picture("m.training", "samples_000002.png").mode == "RGB"
    case.run("map", "--mapper", "m.safetensors", "--seeds", "0,1", "--strength", "0.5,1", "--grid", "--out", "mapped")
    assert all(case.picture(*path.parts).mode == "RGB" for path in [Path("mapped", "grid.png")] if path.is_file())
    edits = ("--edit", "a face -> a face with red hair", "--relevance", "gradient", "--mapper", "m.safetensors @ 0.5")
    case.run("sliders", *edits, "--result", "mapped/strength_1", "--seeds", "4,5", "--out", "slid")
    assert (case.picture("slid", "001_after.png").size, case.picture("slid", "001_after.png").mode) == (
        case.size,
        case.mode,
    )


def test_photos(case: Case) -> None:
    """The frame keeps the ratio of the photo's pixels, and an edit is pasted back where the frame was."""
    case.run("invert", "photo.png", "--refine", 2, "--no-align", "--out", "inverted")
    aligned = case.picture("inverted", "aligned.png")
    assert aligned.width * case.size[1] == aligned.height * case.size[0] and max(aligned.size) >= 256
    assert case.picture("inverted", "reconstruction.png").size == case.size
    quad = np.array(json.loads((case.folder / "inverted" / "result.json").read_text())["quad"])
    width, height = quad[2] - quad[0]
    assert abs(width / height - case.size[0] / case.size[1]) < 0.05
    assert width == PHOTO_SIZE[0] or height == PHOTO_SIZE[1]
    case.run("invert", "photo.png", "--encoder", "e.safetensors", "--no-align", "--out", "encoded")
    case.run("optimize", *PROMPT, "--image", "photo.png", "--refine", 2, "--steps", 2, "--no-align", "--out", "p")
    assert case.picture("p", "photo.png").size == PHOTO_SIZE
    assert case.picture("p", "inversion", "comparison.png").mode == "RGB"
    assert len(Latent.load(case.folder / "inverted" / "latent.safetensors")) == 1


def test_encoders(case: Case) -> None:
    few = (
        "--steps",
        2,
        "--batch-size",
        2,
        "--widths",
        "4,4,4,8",
        "--frame",
        32,
        "--held-out",
        2,
        "--evaluate-every",
        1,
    )
    case.run("train-encoder", *few, "--identity", "none", "--out", "trained.safetensors")
    case.run("invert", "photo.png", "--encoder", "trained.safetensors", "--no-align", "--out", "by it")
    assert case.picture("by it", "reconstruction.png").size == case.size


def test_models_commands(case: Case) -> None:
    """`models convert` renders both files and compares them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(case.folder)
        for target, name in (("styleclip", "copy.safetensors"), ("nvidia", "copy.pt")):
            done(CliRunner().invoke(main, ["models", "convert", "g.safetensors", name, "--to", target]))
            [part] = json.loads(done(CliRunner().invoke(main, ["models", "inspect", name, "--json"])).stdout)["parts"]
            assert part.get("image_size", [16, 16]) == [*case.size[::-1]]
            assert MODES[part.get("img_channels", 3)] == case.mode
