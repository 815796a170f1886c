"""Files of an inversion: records, earlier results, every face of a photo, and photos that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import styleclip
from styleclip.alignment.photos import Photo, read_photo
from styleclip.errors import OutputError, PhotoError, UsageError
from styleclip.images import read_record, to_pil
from styleclip.inversion.photo_inversion import invert_photo
from styleclip.inversion.result import INVERSION_FILES, Inversion
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.storage.files import to_json
from tests.helpers.inversions import NEAR, QUICK, TUNE, WHOLE, inversion, models
from tests.helpers.photos import (
    ASTRONAUT,
    LANDMARKS,
    QUAD,
    astronaut,
    cached_mtcnn,
    interrupt_inversion,
    pixel_difference,
    write_two_faces,
)

__all__ = ["cached_mtcnn", "inversion", "models"]  # fixtures


# --- files


def test_the_record(inversion: Inversion) -> None:
    record = json.loads(to_json(inversion.record()))
    assert record["photo"] == ASTRONAUT.name and record["note"] == ""
    assert np.allclose(record["quad"], inversion.aligned.quad)
    average, refined = record["stages"]
    assert (average["name"], average["gain"], refined["name"]) == ("average", 0, "refine")
    assert refined["gain"] == pytest.approx(1 - refined["scores"]["l2"] / average["scores"]["l2"], abs=1e-3)
    assert record["scores"] == refined["scores"] and {"l1", "l2"} <= record["scores"].keys()
    assert all(stage["seconds"] >= 0 for stage in record["stages"]) and refined["settings"]["steps"] == 2
    assert "encoder" not in record["provenance"] and record["provenance"]["generator"]["network"]
    json.dumps(inversion.record(), default=str)


def test_files(inversion: Inversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = inversion.save("out")
    written = ["aligned.png", "reconstruction.png", "comparison.png", "latent.safetensors", "result.json"]
    assert [path.name for path in paths] == written and sorted(written) == sorted(p.name for p in Path("out").iterdir())
    with Image.open("out/aligned.png") as aligned, Image.open("out/reconstruction.png") as drawn:
        assert pixel_difference(aligned, inversion.aligned.frame).max() == 0
        assert pixel_difference(drawn, to_pil(inversion.image)[0]).max() == 0
    assert torch.equal(Latent.load(Path("out/latent.safetensors")).data, inversion.latent.data)
    record = json.loads(Path("out/result.json").read_text())
    assert sorted(record.pop("pictures")) == ["aligned.png", "comparison.png", "reconstruction.png"]
    told = read_record(Path("out/aligned.png"))
    assert told == {**json.loads(to_json(inversion.record())), "picture": "aligned.png"}
    assert Path("out", record["provenance"]["load"].pop("model")).is_file()  # a path, and a name in pictures
    for each in (record, told):
        each["provenance"].pop("load")
    assert told == {**record, "picture": "aligned.png"}
    assert read_photo(Path("out/aligned.png")).aligned


@pytest.mark.parametrize("name", ["result.json", "aligned.png", "latent.tuning.safetensors"])
def test_earlier_results_stay(inversion: Inversion, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("earlier")
    with pytest.raises(OutputError, match="already holds results .*; pass --overwrite or another --out"):
        inversion.save(tmp_path)
    assert (tmp_path / name).read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1
    inversion.save(tmp_path, overwrite=True)
    assert (tmp_path / "result.json").read_text() != "earlier"


def test_what_is_all_frame_is_not_pasted(models: Models, inversion: Inversion) -> None:
    [whole] = WHOLE(models, ASTRONAUT)
    assert whole.piece(whole.image) is None
    piece = inversion.piece(inversion.image)
    assert piece is not None and piece.before is not None
    assert pixel_difference(piece.picture, piece.before).max() == 0
    assert piece.landmarks is not None and np.abs(piece.landmarks - LANDMARKS.in_crop(QUAD)).max() < NEAR


@pytest.mark.parametrize(
    ("make", "reason", "remedy"),
    [
        (lambda path: None, "there is no file", "check the name and the folder"),
        (Path.mkdir, "is a folder", "name one picture in it"),
        (lambda path: path.write_text("a"), "is not a picture that can be read", "save it as JPEG or PNG"),
        (Path.touch, "is empty", "copy or download it again"),
    ],
    ids=["missing", "folder", "text", "empty"],
)
def test_what_is_no_picture(
    models: Models, tmp_path: Path, make: Callable[[Path], Any], reason: str, remedy: str
) -> None:
    make(tmp_path / "photo")
    with pytest.raises(PhotoError, match=f"{reason}.*; {remedy}$"):
        styleclip.Editor(models).invert(tmp_path / "photo")


def test_the_patterns_match_all_files(models: Models, tmp_path: Path) -> None:
    """`INVERSION_FILES` are the patterns by which earlier results are recognised."""
    [inversion] = replace(WHOLE, tune=TUNE)(models, Photo(astronaut()))
    paths = inversion.save(tmp_path)
    found = {path.name for pattern in INVERSION_FILES for path in tmp_path.glob(pattern)}
    assert {path.name for path in paths} == found
    assert "latent.tuning.safetensors" in {path.name for path in paths} and inversion.record()["photo"] is None


# --- all faces of a photo


def test_all_faces_of_a_photo(models: Models, tmp_path: Path) -> None:
    steps: list[tuple[str, int]] = []
    two, everyone = write_two_faces(tmp_path / "two.png"), replace(QUICK, face="all")
    found = invert_photo(models, two, everyone, tmp_path / "out", on_step=lambda s: steps.append((s.stage, s.index)))
    assert [*found.faces] == ["face_1", "face_2"] and not found.interrupted
    assert steps == [(f"face {face} of 2: refine", i) for face in (1, 2) for i in (1, 2)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["face_1", "face_2", "latent.safetensors"]
    assert len(found.paths) == len(set(found.paths)) == 11 and all(path.is_file() for path in found.paths)
    assert torch.equal(Latent.load(tmp_path / "out" / "latent.safetensors").data, Latent.cat(found.latents).data)
    for first, again in zip(found.faces.values(), everyone(models, two), strict=True):
        assert torch.equal(first.latent.data, again.latent.data)
    with pytest.raises(OutputError, match="already holds results .*; pass --overwrite"):
        invert_photo(models, two, everyone, tmp_path / "out")


def test_the_only_face_of_a_photo(models: Models, tmp_path: Path) -> None:
    found = invert_photo(models, astronaut(), QUICK, tmp_path)
    assert [*found.faces] == [""] and sorted(found.paths) == sorted(tmp_path.iterdir())
    assert invert_photo(models, astronaut(), QUICK).paths == []
    with pytest.raises(UsageError, match="aligned.png has the name of a result and would be replaced by it"):
        invert_photo(models, tmp_path / "aligned.png", QUICK, tmp_path, overwrite=True)


@pytest.mark.parametrize("complete", [0, 1])
def test_ctrl_c_keeps_complete_faces(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: int
) -> None:
    interrupt_inversion(monkeypatch, after=complete)
    two, everyone = write_two_faces(tmp_path / "two.png"), replace(QUICK, face="all")
    if not complete:
        with pytest.raises(KeyboardInterrupt):
            invert_photo(models, two, everyone, tmp_path / "out")
        return
    found = invert_photo(models, two, everyone, tmp_path / "out")
    assert found.interrupted and [*found.faces] == ["face_1"]
    assert len(Latent.load(tmp_path / "out" / "latent.safetensors")) == 1
