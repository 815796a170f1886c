"""`styleclip invert` on folders and several faces; what Ctrl-C leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result

from styleclip.alignment.photos import Photo
from styleclip.inversion.invert import Invert
from styleclip.latents import Latent
from tests.helpers.inversions import FILES
from tests.helpers.photo_commands import record
from tests.helpers.photos import ASTRONAUT, file_names, interrupt_inversion, write_photo_folder, write_two_faces
from tests.helpers.support import done, failed

Run = Callable[..., Result]


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
    pictures = {"pictures": record("out/alone")["pictures"]}
    assert alone["photo"] == "holiday/alone.webp"
    assert [{**face, **pictures} for face in alone["faces"]] == [record("out/alone")]
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
    assert not (tmp_path / "out").exists()
