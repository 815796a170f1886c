"""`styleclip invert`: its files for photos, folders and several faces, and one sentence for every other file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import styleclip
from styleclip.alignment.framing import crop
from styleclip.alignment.photos import Photo, read_photo
from styleclip.cli import main
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.latents import Latent
from styleclip.weights.formats.own_files import save_encoder
from tests.helpers.photos import (
    ASTRONAUT,
    GOLDEN,
    astronaut,
    cached_mtcnn,
    file_names,
    interrupt_inversion,
    pixel_difference,
    png_header,
    read_rgb,
    write_photo_folder,
    write_two_faces,
)
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_encoder

__all__ = ["cached_mtcnn"]  # a fixture
Run = Callable[..., Result]
FILES = ["aligned.png", "comparison.png", "latent.safetensors", "reconstruction.png", "result.json"]


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip invert` on the tiny models in two steps, in an empty folder, without LPIPS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    monkeypatch.setattr(styleclip.models, "load_perceptual", lambda: None)
    words = ["invert", "--model", str(files[0]), "--clip", str(files[1]), "--refine", "2"]
    return lambda *more: CliRunner().invoke(main, [*words, *map(str, more)], prog_name="styleclip")


def record(folder: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "result.json").read_text())
    return found


# --- one photo


def test_one_photo(run: Run) -> None:
    result = done(run(ASTRONAUT, "--out", "out"))
    assert file_names("out") == FILES and sorted(result.stdout.split()) == [f"out/{name}" for name in FILES]
    told = record("out")
    assert [stage["name"] for stage in told["stages"]] == ["average", "refine"]
    l2 = ", ".join(f"{stage['name']} {stage['scores']['l2']:.4f}" for stage in told["stages"])
    assert result.stderr == f"{ASTRONAUT}: L2 {l2}\n"
    assert told["photo"] == str(ASTRONAUT.resolve()) and all(stage["seconds"] >= 0 for stage in told["stages"])
    expected = crop(astronaut(), np.array(told["quad"]), 256)
    assert pixel_difference(read_rgb("out/aligned.png"), expected).max() == 0
    assert Latent.load(Path("out/latent.safetensors")).data.shape[0] == 1


def test_the_default_folder_and_silence(run: Run) -> None:
    result = done(run(ASTRONAUT, "--no-align", "--quiet"))
    assert file_names("styleclip-out/inverted") == FILES and result.stderr == ""


def test_as_json(run: Run) -> None:
    told = json.loads(done(run(ASTRONAUT, "--out", "out", "--json")).stdout)
    assert sorted(told["files"]) == [f"out/{name}" for name in FILES]
    assert told["faces"] == [record("out")] and told["photo"] == str(ASTRONAUT)


def test_tuning_is_one_more_stage(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.inversion.pivotal_tuning.PivotalTuning", lambda: PivotalTuning(steps=20, rank=2))
    done(run(ASTRONAUT, "--no-align", "--tune", "--out", "out"))
    assert file_names("out") == sorted([*FILES, "latent.tuning.safetensors"])
    *_, refined, tuned = record("out")["stages"]
    assert (refined["name"], tuned["name"], tuned["settings"]["steps"]) == ("refine", "tune", 20)
    assert tuned["gain"] > 0.02 and record("out")["scores"] == tuned["scores"]


def test_an_encoder_of_ones_own(run: Run, tmp_path: Path) -> None:
    save_encoder(tiny_encoder(), tmp_path / "e.safetensors")
    done(run(ASTRONAUT, "--no-align", "--encoder", "e.safetensors", "--out", "out"))
    assert [stage["name"] for stage in record("out")["stages"]] == ["encoder", "refine"]
    done(run(ASTRONAUT, "--no-align", "--encoder", "none", "--out", "none"))
    assert [stage["name"] for stage in record("none")["stages"]] == ["average", "refine"]


def test_encoders_that_do_not_fit(run: Run, tmp_path: Path) -> None:
    """One sentence for several photos."""
    save_encoder(tiny_encoder(3), tmp_path / "e.safetensors")
    options = (ASTRONAUT, write_two_faces(tmp_path / "two.png"), "--out", "out", "--encoder")
    failed(run(*options, "e.safetensors"), 1, "the encoder gives W+ of [3, 8], the generator takes [", "; pass another")
    failed(run(*options, "e4e-fffhq"), 1, "neither an encoder nor a file nor a URL; the closest encoders are e4e-ffhq")
    assert file_names("out") == []


def test_pictures_that_are_aligned(run: Run, tmp_path: Path) -> None:
    """Crops of FFHQ are recognised, pictures of ours taken whole without a detector; --align crops them anyway."""
    Image.fromarray(GOLDEN["aligned"]).save("crop.png")
    result = done(run("crop.png", "--out", "crop"))
    assert record("crop")["note"] == "was aligned already" and record("crop")["quad"] is None
    assert result.stderr.startswith("crop.png: was aligned already, L2 average ")
    done(run("crop/aligned.png", "--out", "ours"))
    assert record("ours")["note"] == "was aligned already"
    assert pixel_difference(read_rgb("ours/aligned.png"), read_rgb("crop/aligned.png")).max() == 0
    done(run("crop.png", "--align", "--out", "cut"))
    assert record("cut")["note"] == "" and record("cut")["quad"] is not None
    done(run("crop.png", "--no-align", "--out", "kept"))
    assert record("kept")["note"] == "" and record("kept")["quad"] is None


def test_results_are_not_replaced(run: Run) -> None:
    done(run(ASTRONAUT, "--no-align", "--out", "out"))
    before = Path("out/result.json").stat().st_mtime_ns
    failed(run(ASTRONAUT, "--no-align", "--out", "out"), 1, "out already holds results", "--overwrite")
    assert Path("out/result.json").stat().st_mtime_ns == before
    done(run(ASTRONAUT, "--no-align", "--out", "out", "--overwrite"))
    assert Path("out/result.json").stat().st_mtime_ns > before


def test_a_result_is_not_written_over_its_own_photo(run: Run) -> None:
    done(run(ASTRONAUT, "--no-align", "--out", "out"))
    before = Path("out/aligned.png").read_bytes()
    said = run("out/aligned.png", "--out", "out", "--overwrite")
    failed(said, 2, "out/aligned.png has the name of a result and would be replaced by it; pass another --out")
    assert Path("out/aligned.png").read_bytes() == before


# --- several


def test_several_faces(run: Run, tmp_path: Path) -> None:
    write_two_faces(tmp_path / "two.png")
    told = json.loads(done(run("two.png", "--face", "all", "--out", "out", "--json")).stdout)
    assert file_names("out") == ["face_1", "face_2", "latent.safetensors"] and file_names("out/face_2") == FILES
    quads = [np.array(record(f"out/face_{i}")["quad"]) for i in (1, 2)]
    assert quads[0][:, 0].mean() < 450 < quads[1][:, 0].mean() and len(told["faces"]) == 2
    own = [Latent.load(Path(f"out/face_{i}/latent.safetensors")) for i in (1, 2)]
    assert torch.equal(Latent.load(Path("out/latent.safetensors")).data, Latent.cat(own).data)
    for face, expected in (("1", quads[0]), ("2", quads[1]), ("largest", quads[1])):
        done(run("two.png", "--face", face, "--out", face))
        assert np.allclose(record(face)["quad"], expected)
    failed(run("two.png", "--face", "3", "--out", "3"), 1, "two.png has 2 faces and no number 3; use 1 to 2")
    failed(run("two.png", "--face", "all", "--out", "out"), 1, "already holds results")


def test_a_folder(run: Run, tmp_path: Path) -> None:
    write_photo_folder(tmp_path / "holiday")
    result = run("holiday", "--face", "all", "--out", "out")
    assert result.exit_code == 1 and result.stderr == "Error: 1 of 3 photos failed; the summary says why\n"
    alone, broken, two, shared = result.stdout.splitlines()
    assert alone.startswith("holiday/alone.webp: out/alone (L2 average ")
    assert broken.startswith("holiday/broken.png: failed: holiday/broken.png is not a picture that can be read; ")
    assert two.startswith("holiday/two.png: out/two (face_1 L2 average ") and "; face_2 L2 average" in two
    assert shared == "out/latent.safetensors" and len(Latent.load(Path(shared))) == 3
    assert file_names("out") == ["alone", "latent.safetensors", "two"]  # nothing is left of the broken one


def test_a_folder_as_json(run: Run, tmp_path: Path) -> None:
    write_photo_folder(tmp_path / "holiday")
    result = run("holiday/alone.webp", "holiday/b*.png", "--out", "out", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1 and "out/latent.safetensors" in told["files"]
    alone, broken = told["photos"]
    assert alone["photo"] == "holiday/alone.webp" and alone["faces"] == [record("out/alone")]
    assert broken["photo"] == "holiday/broken.png" and broken["error"].startswith("holiday/broken.png is not a picture")


def test_a_surprise_stops_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Invert.frames

    def odd(self: Invert, models: Any, photo: Photo) -> Any:
        if photo.path and photo.path.name == "two.png":
            raise RuntimeError("the sky\nfell")
        return frames(self, models, photo)

    monkeypatch.setattr(Invert, "frames", odd)
    write_photo_folder(tmp_path / "holiday")
    result = run("holiday", "--out", "out")
    assert result.exit_code == 1 and file_names("out") == ["alone", "latent.safetensors"]
    assert "holiday/two.png: failed: RuntimeError: the sky fell; set STYLECLIP_DEBUG=1" in result.stdout


# --- Ctrl-C


def test_ctrl_c_in_a_folder_keeps_what_is_finished(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photo_folder(tmp_path / "holiday")
    interrupt_inversion(monkeypatch, after=1)
    result = run("holiday", "--out", "out")
    assert result.exit_code == 130 and result.stderr == "Interrupted; kept 1 of 3 photos\n"
    assert result.stdout.splitlines()[-2:] == ["holiday/two.png: interrupted", "out/latent.safetensors"]
    assert file_names("out") == ["alone", "latent.safetensors"] and file_names("out/alone") == FILES


def test_ctrl_c_between_faces_keeps_those_before(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_two_faces(tmp_path / "two.png")
    interrupt_inversion(monkeypatch, after=1)
    result = run("two.png", "--face", "all", "--out", "out")
    assert result.exit_code == 130 and result.stderr.endswith("Interrupted; kept face_1\n")
    assert file_names("out") == ["face_1", "latent.safetensors"] and file_names("out/face_1") == FILES


def test_ctrl_c_before_anything(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_inversion(monkeypatch, after=0)
    result = run(ASTRONAUT, "--out", "out")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted; nothing was kept\n")
    interrupt_inversion(monkeypatch, after=0)
    write_photo_folder(tmp_path / "holiday")
    result = run("holiday/b*.png", "holiday/two.png", "--out", "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted; nothing was kept\n")
    assert file_names("out") == []


# --- what is no photo


def animation(path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def cut_off(path: Path) -> None:
    astronaut().save(path, quality=90)
    path.write_bytes(path.read_bytes()[:9000])


def without_pictures(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("no picture")


def locked(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    astronaut().save(path)
    path.chmod(0)


BAD: dict[str, tuple[str, Callable[[Path], object], int, str]] = {
    "text": ("a.txt", lambda p: p.write_text("hello, world"), 1, "is not a picture that can be read; save it as JPEG"),
    "cut off": ("a.jpg", cut_off, 1, "is damaged or cut off; copy or download it again"),
    "1x1": ("a.png", lambda p: Image.new("RGB", (1, 1)).save(p), 1, "is only 1 x 1 px; pass a picture of 32 px"),
    "animation": ("a.gif", animation, 1, "has 2 frames; save one of them as JPEG or PNG"),
    "empty": ("a.jpg", lambda p: p.write_bytes(b""), 1, "is empty; copy or download it again"),
    "missing": ("a.jpg", lambda p: None, 2, "there is no picture called a.jpg; pass a picture, a folder of pictures"),
    "no match": ("a*.jpg", lambda p: None, 2, "there is no picture that matches a*.jpg; pass"),
    "folder": ("a", without_pictures, 2, "there is no picture in the folder a; pass"),
    "no face": (
        "a.png",
        lambda p: Image.new("RGB", (300, 200)).save(p),
        1,
        "no face was found in a.png, looked for in",
    ),
    "JPEG XL": ("a.jxl", lambda p: p.write_bytes(b"\xff\x0a" + bytes(99)), 1, "is a JPEG XL picture; save it as"),
    "SVG": ("a.svg", lambda p: p.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"), 1, "is an SVG drawing; save"),
    "huge": ("a.png", lambda p: p.write_bytes(png_header(20000, 20000)), 1, "has 400 megapixels; make it smaller"),
    "locked": ("a.png", locked, 1, "permission denied for a.png; allow yourself to read it"),
    "device": ("/dev/null", lambda p: None, 1, "is a device, not a file; pass a JPEG or PNG file"),
}


@pytest.mark.parametrize(("name", "make", "code", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_no_photo(run: Run, name: str, make: Callable[[Path], object], code: int, words: str) -> None:
    if name.startswith("/") and not Path(name).exists():
        pytest.skip(f"this system has no {name}")
    make(Path(name))
    result = run(name, "--out", "out")
    failed(result, code, words)
    assert len(result.stderr.splitlines()) == 1
    assert not Path("out").exists() or file_names("out") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--face", "0"), "'0' is no choice of faces; use largest, all or a number from 1"),
        (("--face", "left"), "'left' is no choice of faces"),
        (("--refine", "0"), "0 is not in the range x>=1"),
        (("--landmarks", "eyes"), "'eyes' is not one of 'mtcnn', 'dlib'"),
        (("--predictor", "p.dat"), "--predictor is dlib's; pass it with --landmarks dlib"),
    ],
)
def test_bad_usage(run: Run, options: tuple[str, ...], words: str) -> None:
    failed(run(ASTRONAUT, *options, "--out", "out"), 2, words)
    failed(run(), 2, "Missing argument 'PHOTO...'")


def test_a_predictor_that_is_not_there(run: Run) -> None:
    failed(run(ASTRONAUT, "--landmarks", "dlib", "--predictor", "p.dat"), 1, "there is no file p.dat; run `styleclip ")


def test_pictures_of_the_demo_world(run: Run, tmp_path: Path) -> None:
    """With the demo model: the face is found, framed as the demo world is, and nearer after every stage."""
    photo = Path(__file__).parents[3] / "docs" / "photo.jpg"
    words = ["invert", str(photo), "--face", "2", "--refine", "10", "--encoder", "none", "--out", "out"]
    done(CliRunner().invoke(main, words, prog_name="styleclip"))
    average, refined = (stage["scores"] for stage in record("out")["stages"])
    assert refined["l2"] < average["l2"] and "identity" in refined
    assert read_photo(Path("out/aligned.png")).aligned
    assert styleclip.load("demo").generator.num_ws == Latent.load(Path("out/latent.safetensors")).data.shape[1]
