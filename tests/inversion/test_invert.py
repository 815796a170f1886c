"""Photos -> latents in Python: stages, frames, files, all faces of a photo, and errors."""

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
from styleclip.alignment.align import align
from styleclip.alignment.detectors import load_detector
from styleclip.alignment.framing import FFHQ, Framing, crop
from styleclip.alignment.photos import Photo, read_photo
from styleclip.errors import NoFaceError, OutputError, PhotoError, UsageError, WeightError
from styleclip.files import to_json
from styleclip.images import from_pil, read_record, to_pil
from styleclip.inversion import invert
from styleclip.inversion.invert import Invert
from styleclip.inversion.losses import reconstruction_scores
from styleclip.inversion.photo_inversion import invert_photo
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import INVERSION_FILES, Inversion
from styleclip.latents import Latent
from styleclip.models import Models, load
from styleclip.networks.e4e import Encoder
from styleclip.progress import Step
from styleclip.weights.catalog import catalog
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
from tests.helpers.tiny import tiny_encoder

__all__ = ["cached_mtcnn"]  # a fixture

QUICK = Invert(Refine(steps=2))
WHOLE = Invert(Refine(steps=2), align=False)
TUNE = PivotalTuning(steps=3, rank=2)
NEAR = 0.02  # of the crop's width


@pytest.fixture(scope="module")
def models(files: tuple[Path, Path]) -> Models:
    return replace(load(str(files[0]), clip=files[1]), perceptual=lambda: None)


@pytest.fixture(scope="module")
def inversion(models: Models) -> Inversion:
    return styleclip.Editor(models).invert(ASTRONAUT, QUICK)


def stage_names(inversion: Inversion) -> list[str]:
    return [stage.name for stage in inversion.stages]


# --- stages


def test_a_generator_without_an_encoder_is_searched_from_its_average(models: Models) -> None:
    seen: list[tuple[str, int, int]] = []
    how = Invert(align=False)
    inversion = styleclip.Editor(models).invert(
        ASTRONAUT, how, lambda step: seen.append((step.stage, step.index, step.total))
    )
    assert stage_names(inversion) == ["average", "refine"]
    assert seen == [("refine", i, 200) for i in range(1, 201)]
    average, refined = inversion.stages
    assert refined.scores["l2"] < 0.5 * average.scores["l2"]
    assert average.settings == {} and refined.settings == vars(Refine())


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Invert(align=False), ["encoder"]),
        (WHOLE, ["encoder", "refine"]),
        (Invert(tune=TUNE, align=False), ["encoder", "tune"]),
        (replace(WHOLE, tune=TUNE), ["encoder", "refine", "tune"]),
    ],
)
def test_the_stages_that_are_asked_for(models: Models, how: Invert, expected: list[str]) -> None:
    encoder = tiny_encoder()
    [inversion] = how(replace(models, encoder=lambda: encoder), ASTRONAUT)
    assert stage_names(inversion) == expected
    assert (inversion.tuning is not None) == ("tune" in expected) == ("tuned" in inversion.models.provenance)
    [reached] = reconstruction_scores(inversion.models, inversion.target, inversion.image)
    assert inversion.scores == reached
    torch.testing.assert_close(inversion.models.render(inversion.latent), inversion.image, rtol=0, atol=0)


def test_the_encoder_sees_the_frame(models: Models) -> None:
    encoder = tiny_encoder()
    encoder.provenance = {"name": "e.safetensors", "sha256": "0123"}
    [inversion] = Invert(align=False)(replace(models, encoder=lambda: encoder), ASTRONAUT)
    assert inversion.provenance["encoder"] == inversion.models.provenance["encoder"] == encoder.provenance
    expected = encoder.encode(from_pil([inversion.aligned.frame]))
    torch.testing.assert_close(inversion.latent.data, expected)
    assert inversion.target.shape == (1, 3, 16, 16)


def test_what_is_wrong_with_the_encoder_is_said_before(models: Models) -> None:
    def broken() -> Encoder:
        raise WeightError("this is no encoder; pass another")

    with pytest.raises(WeightError, match="this is no encoder"):
        Invert().prepare(replace(models, encoder=broken))
    with pytest.raises(UsageError, match="dlib's landmarks need its predictor"):
        Invert(landmarks="dlib").prepare(models)


def test_a_picture_that_the_generator_drew_is_found_again(models: Models) -> None:
    """From the average face: the error falls to less than a fifth of the average's."""
    editor = styleclip.Editor(models)
    [drawn] = to_pil(editor.render(editor.sample(seed=3)))
    larger = drawn.resize((64, 64), Image.Resampling.NEAREST)
    inversion = editor.invert(larger, Invert(align=False))
    assert inversion.record()["stages"][1]["gain"] > 0.8


# --- frames


def test_ffhq_frames_are_for_generators_that_say_nothing(models: Models, inversion: Inversion) -> None:
    """MTCNN's eyes and mouth lie where FFHQ has them."""
    aligned = inversion.aligned
    assert aligned.face is not None and aligned.quad is not None
    assert pixel_difference(aligned.frame, crop(astronaut(), FFHQ.quad(aligned.face.landmarks), 256)).max() == 0
    assert np.abs(aligned.face.landmarks.in_crop(aligned.quad) - LANDMARKS.in_crop(QUAD)).max() < NEAR


def test_the_demo_world_has_a_framing_of_its_own(models: Models) -> None:
    own = catalog()["models"]["demo"]["align"]
    [aligned] = Invert().frames(replace(models, defaults={"align": own}), ASTRONAUT)
    [expected] = align(read_photo(ASTRONAUT), load_detector(), Framing(**own))
    assert own and styleclip.load("demo").defaults["align"] == own
    assert pixel_difference(aligned.frame, expected.frame).max() == 0
    assert aligned.face is not None and not np.allclose(aligned.quad, FFHQ.quad(aligned.face.landmarks), atol=1)


def test_other_things_than_faces_are_taken_from_the_middle(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invert, "load_detector", None)
    wide = astronaut().crop((0, 0, 512, 400))
    cars = replace(models, defaults={"align": {"faces": False}})
    [aligned] = Invert().frames(cars, wide)
    assert aligned.face is None and np.allclose(aligned.quad[0], [55.5, -0.5])
    expected = wide.crop((56, 0, 456, 400)).resize((256, 256), Image.Resampling.LANCZOS)
    assert pixel_difference(aligned.frame, expected).max() == 0
    with pytest.raises(UsageError, match="draws no faces, so there is nothing to align; leave --align out"):
        Invert(align=True).frames(cars, wide)


def test_small_photos(models: Models) -> None:
    """64 px with a face of 20: found in the enlarged copy only; a photo of 20 px is refused in a sentence."""
    tight = astronaut().crop((140, 20, 310, 190))
    [aligned] = QUICK.frames(models, tight.resize((64, 64), Image.Resampling.LANCZOS))
    assert aligned.face is not None
    with pytest.raises(PhotoError, match="only 20 x 20 px; pass a picture of 32 px or more"):
        QUICK.frames(models, tight.resize((20, 20)))


# --- the editor


def test_paths_and_pictures_are_the_same(models: Models, inversion: Inversion) -> None:
    editor = styleclip.Editor(models)
    for photo in (str(ASTRONAUT), astronaut(), read_photo(ASTRONAUT)):
        again = editor.invert(photo, QUICK)  # type: ignore[arg-type]
        assert torch.equal(again.latent.data, inversion.latent.data)


def test_pictures_are_turned_upright(models: Models, inversion: Inversion) -> None:
    """As a phone stores them, and Pillow opens them."""
    turned = astronaut().transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    [aligned] = QUICK.frames(models, turned)
    assert pixel_difference(aligned.photo.image, astronaut()).max() == 0
    [kept] = Invert(align=False).frames(models, Image.merge("LA", [Image.new("L", (64, 64), grey) for grey in (9, 7)]))
    assert kept.photo.alpha is not None and kept.photo.alpha.getextrema() == (7, 7)


def test_one_face_of_several(models: Models) -> None:
    two = Image.new("RGB", (1024, 512))
    for x in (0, 512):
        two.paste(astronaut(), (x, 0))
    lefts = [each.quad[:, 0].mean() for each in Invert(face="all").frames(models, two)]
    assert len(lefts) == 2 and lefts[0] < 512 < lefts[1]
    second = styleclip.Editor(models).invert(two, replace(QUICK, face=2))
    assert second.aligned.quad is not None and second.aligned.quad[:, 0].mean() == lefts[1]
    with pytest.raises(UsageError, match=r"call Invert\(face='all'\) with the models and the photo"):
        styleclip.Editor(models).invert(two, Invert(face="all"))
    with pytest.raises(NoFaceError, match="has 2 faces and no number 3; use 1 to 2"):
        styleclip.Editor(models).invert(two, Invert(face=3))


def test_ctrl_c_ends_it(models: Models) -> None:
    def stop(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        styleclip.Editor(models).invert(ASTRONAUT, WHOLE, stop)


# --- what is written


def test_the_record(inversion: Inversion) -> None:
    record = json.loads(to_json(inversion.record()))
    assert record["photo"] == str(ASTRONAUT.resolve()) and record["note"] == ""
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
    assert record == read_record(Path("out/aligned.png")) == json.loads(to_json(inversion.record()))
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
    for inversion, again in zip(found.faces.values(), everyone(models, two), strict=True):
        assert torch.equal(inversion.latent.data, again.latent.data)
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
