"""`styleclip invert` on one photo: its files, its stages and pictures that are aligned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import styleclip
from styleclip.alignment.framing import crop
from styleclip.alignment.photos import read_photo
from styleclip.cli import main
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.latents import Latent
from styleclip.weights.formats.own_files import save_encoder
from tests.helpers.inversions import FILES
from tests.helpers.photo_commands import record
from tests.helpers.photos import ASTRONAUT, GOLDEN, astronaut, file_names, pixel_difference, read_rgb, write_two_faces
from tests.helpers.support import ROOT, done, failed
from tests.helpers.tiny import tiny_encoder

Run = Callable[..., Result]


def test_one_photo(run: Run) -> None:
    result = done(run(ASTRONAUT, "--out", "out"))
    assert file_names("out") == FILES and sorted(result.stdout.split()) == [f"out/{name}" for name in FILES]
    told = record("out")
    assert [stage["name"] for stage in told["stages"]] == ["average", "refine"]
    l2 = ", ".join(f"{stage['name']} {stage['scores']['l2']:.4f}" for stage in told["stages"])
    assert result.stderr == f"{ASTRONAUT}: L2 {l2}\n"
    assert told["photo"] == ASTRONAUT.name and all(stage["seconds"] >= 0 for stage in told["stages"])
    expected = crop(astronaut(), np.array(told["quad"]), 256)
    assert pixel_difference(read_rgb("out/aligned.png"), expected).max() == 0
    assert Latent.load(Path("out/latent.safetensors")).data.shape[0] == 1


def test_the_default_folder_and_silence(run: Run) -> None:
    result = done(run(ASTRONAUT, "--no-align", "--quiet"))
    assert file_names("styleclip-out/inverted") == FILES and result.stderr == ""


def test_as_json(run: Run) -> None:
    told = json.loads(done(run(ASTRONAUT, "--out", "out", "--json")).stdout)
    assert sorted(told["files"]) == [f"out/{name}" for name in FILES]
    pictures = {"pictures": record("out")["pictures"]}
    assert [{**face, **pictures} for face in told["faces"]] == [record("out")] and told["photo"] == str(ASTRONAUT)


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
    assert not (tmp_path / "out").exists()


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


def test_pictures_of_the_demo_world(run: Run, tmp_path: Path) -> None:
    """With the demo model: the face is found, framed as the demo world is, and nearer after every stage."""
    photo = ROOT / "docs" / "photo.jpg"
    words = ["invert", str(photo), "--face", "2", "--refine", "10", "--encoder", "none", "--out", "out"]
    done(CliRunner().invoke(main, words, prog_name="styleclip"))
    average, refined = (stage["scores"] for stage in record("out")["stages"])
    assert refined["l2"] < average["l2"] and "identity" in refined
    assert read_photo(Path("out/aligned.png")).aligned
    assert styleclip.load("demo").generator.num_ws == Latent.load(Path("out/latent.safetensors")).data.shape[1]
