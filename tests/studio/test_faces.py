"""Photos of the studio: uploads of every kind, the numbers of their faces, inversion, and the photo with the edit."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import torch
from PIL import Image

import styleclip
from styleclip.alignment.face_search import Face
from styleclip.alignment.paste import paste
from styleclip.alignment.photos import read_photo
from styleclip.errors import NoFaceError, PhotoError
from styleclip.inversion.result import Inversion
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.regions import Region
from styleclip.studio.drawing import faces as studio_faces
from styleclip.studio.drawing.faces import (
    MAX_FACES,
    MAX_WAITING,
    PREVIEW_PX,
    WHOLE,
    FaceFinder,
    PhotoFaces,
    faces_of,
    invert_face,
    paste_preview,
)
from styleclip.studio.requests import Busy
from styleclip.studio.states.state import PhotoFace
from styleclip.studio.threads.device_lock import DeviceLock
from tests.helpers.faces import made_up_face
from tests.helpers.photos import astronaut, cached_mtcnn, pixel_difference, png_header, stored_turned

__all__ = ["cached_mtcnn"]  # a fixture
WALL = Path(__file__).parents[2] / "docs" / "photo.jpg"  # three portraits


def encode(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def invert(models: Models, faces: PhotoFaces, number: int = 1, refine: int = 2, tune: int = 0) -> Inversion:
    return invert_face(models, faces, PhotoFace(faces.sha256, faces.name, number, refine, tune))


@pytest.fixture
def wall(models: Models) -> PhotoFaces:
    return faces_of(models, WALL.read_bytes(), "photo.jpg")


def test_faces_have_the_numbers_of_the_commands(models: Models, wall: PhotoFaces) -> None:
    """The frame of a number is that of `--face N`, and thumbnails lie from left to right."""
    for number in (1, 2, 3):
        [same] = styleclip.Invert(face=number).frames(models, str(WALL))
        assert not pixel_difference(wall.frame(models, number).frame, same.frame).any()
    record = wall.record()
    assert [face["number"] for face in record["faces"]] == [1, 2, 3]
    lefts = [face["box"][0] for face in record["faces"]]
    assert lefts == sorted(lefts) and all(0 <= place <= 1 for face in record["faces"] for place in face["box"])
    assert record["faces"][0]["thumbnail"].startswith("data:image/jpeg;base64,")
    assert (record["size"], record["notes"]) == ([1200, 520], [])
    with pytest.raises(NoFaceError, match=r"photo\.jpg has 3 faces and no number 4; choose"):
        wall.frame(models, 4)


def test_the_same_photo_twice_is_one(models: Models, wall: PhotoFaces) -> None:
    assert faces_of(models, WALL.read_bytes(), "copy.jpg").sha256 == wall.sha256


@pytest.mark.parametrize("kind", ["HEIF", "TIFF", "WEBP"])
def test_any_format_under_any_name(models: Models, kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    record = faces_of(models, encode(astronaut(), kind), "me.jpg").record()
    assert len(record["faces"]) == 1 and record["name"] == "me.jpg"


def test_a_turned_photo_is_upright(models: Models) -> None:
    pixels, exif = stored_turned(astronaut(), 6)
    upright = faces_of(models, encode(pixels, exif=exif), "turned.png")
    assert not pixel_difference(upright.photo.image, astronaut()).any()


def test_a_photo_without_a_face_is_taken_whole_on_request(models: Models) -> None:
    leaves = Image.effect_noise((80, 60), 20).convert("RGB")
    found = faces_of(models, encode(leaves), "leaves.png")
    [note] = found.notes
    assert note.startswith("no face was found in leaves.png; use it whole") and not found.record()["faces"]
    whole = found.frame(models, WHOLE)
    assert whole.quad is not None and "its middle was taken" in whole.note


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (png_header(30_000, 30_000), "900 megapixels; make it smaller"),
        (WALL.read_bytes()[:2000], "damaged or cut off"),
        (b"no picture", "not a picture that can be read"),
        (b"", "is empty"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_is_no_photo_is_refused_by_name(models: Models, content: bytes, sentence: str) -> None:
    with pytest.raises(PhotoError, match=rf"^me\.jpg .*{sentence}"):
        faces_of(models, content, "me.jpg")


def test_of_very_many_faces_the_largest_keep_their_numbers(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    count = MAX_FACES + 3
    crowd = [made_up_face(left=9.0 * i, side=20.0 if i in (0, 5, 9) else 30.0) for i in range(count)]

    def detector(self: styleclip.Invert, models: Models) -> object:
        return lambda image: list[Face](crowd)

    monkeypatch.setattr(styleclip.Invert, "_detector", detector)
    found = faces_of(models, encode(Image.new("RGB", (9 * count + 40, 60))), "crowd.png")
    assert [*found.frames] == [number for number in range(1, count + 1) if number not in (1, 6, 10)]
    assert found.notes == [f"the photo has {count} faces; the {MAX_FACES} largest are shown"]


def test_inversion_reports_refinement_and_tuning(models: Models, wall: PhotoFaces) -> None:
    """The stages are told apart, and a Ctrl-C in a step ends the work."""
    stages: list[str] = []

    def on_step(step: Step) -> None:
        stages.append(step.stage)
        if stages.count("tune") == 3:
            raise KeyboardInterrupt

    face = PhotoFace(wall.sha256, wall.name, face=2, refine=2, tune=150)
    with pytest.raises(KeyboardInterrupt):
        invert_face(models, wall, face, on_step)
    assert stages == ["refine", "refine", "tune", "tune", "tune"]


def test_the_inversion_is_that_of_the_commands(models: Models, wall: PhotoFaces) -> None:
    """To the bit, also where the tuning starts from a finished refinement."""
    how = styleclip.Invert(styleclip.Refine(steps=2), styleclip.PivotalTuning(steps=2), face=2)
    [same] = how(models, str(WALL))
    refined, face = invert(models, wall, 2), PhotoFace(wall.sha256, wall.name, face=2, refine=2, tune=2)
    for tuned in (invert_face(models, wall, face), invert_face(models, wall, face, untuned=refined)):
        assert tuned.latent.data.equal(same.latent.data) and tuned.image.equal(same.image)
        assert [stage.name for stage in tuned.stages] == [stage.name for stage in same.stages]
    assert refined.tuning is None and len(refined.stages) == len(same.stages) - 1


def paste_whole(inversion: Inversion, edited: torch.Tensor, region: Region | None = None) -> Image.Image:
    """The photo at full size with an edit of its face, as `PhotoEdit` pastes it."""
    piece = inversion.piece(edited, region)
    assert piece is not None
    return paste(inversion.aligned.photo.image, [piece])


def test_the_preview_is_the_pasted_photo_reduced(models: Models, wall: PhotoFaces) -> None:
    inversion = invert(models, wall, 2)
    edited = -inversion.image
    pasted, preview = paste_whole(inversion, edited), paste_preview(wall, inversion, edited)
    assert preview is not None
    left, _, right, _ = wall.record()["faces"][1]["box"]
    changed = pixel_difference(pasted, read_photo(WALL).image).max(axis=2).any(axis=0).nonzero()[0] / 1200
    assert left - 0.1 < changed.min() < left and right < changed.max() < right + 0.1
    assert preview.size == wall.preview.size == (PREVIEW_PX, round(520 * PREVIEW_PX / 1200))
    assert pixel_difference(preview, pasted.resize(preview.size, Image.Resampling.LANCZOS)).mean() < 1


def test_outside_of_the_region_the_photo_keeps_its_pixels(models: Models, wall: PhotoFaces) -> None:
    """Only the left half of the frame may change, in the photo and in its preview."""
    inversion = invert(models, wall, 2)
    height, width = models.generator.image_size
    weights = torch.zeros(height, width)
    weights[:, : width // 2] = 1
    quad = wall.frame(models, 2).quad
    assert quad is not None
    middle = (quad[0, 0] + quad[3, 0]) / 2 / 1200
    pasted = paste_whole(inversion, -inversion.image, Region(weights))
    preview = paste_preview(wall, inversion, -inversion.image, Region(weights))
    assert preview is not None
    for picture, original in ((pasted, wall.photo.image), (preview, wall.preview)):
        changed = pixel_difference(picture, original).max(axis=2).any(axis=0).nonzero()[0] / original.width
        assert changed.size and middle - 0.02 < changed.max() < middle + 0.01


def test_alpha_is_kept_and_shown_over_white(models: Models) -> None:
    alpha = Image.new("L", astronaut().size, 255)
    alpha.paste(0, (0, 0, 20, 20))
    transparent = astronaut()
    transparent.putalpha(alpha)
    found = faces_of(models, encode(transparent), "me.png")
    assert found.preview.getpixel((5, 5)) == (255, 255, 255)
    assert found.photo.alpha is not None and found.photo.alpha.tobytes() == alpha.tobytes()


def test_an_aligned_crop_has_no_photo_to_paste_into(models: Models, wall: PhotoFaces) -> None:
    crop = faces_of(models, encode(wall.frame(models, 1).frame), "crop.png")
    [face] = crop.record()["faces"]
    inversion = invert(models, crop)
    assert face["whole"] and paste_preview(crop, inversion, inversion.image) is None
    assert crop.notes == ["the picture was aligned already"]


def test_a_generator_of_other_things_takes_the_middle(models: Models) -> None:
    things = replace(models, defaults={"align": {"faces": False}})
    found = faces_of(things, WALL.read_bytes(), "photo.jpg")
    [face] = found.record()["faces"]
    assert face["box"] == [round(340 / 1200, 4), 0.0, round(860 / 1200, 4), 1.0]
    assert invert(things, found).latent.data.isfinite().all()


def test_the_finder_works_in_turn_and_says_when_it_is_busy(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """One upload at a time; more than MAX_WAITING are refused, and finished ones make room."""
    gate = Event()

    def wait_and_find(models: Models, content: bytes, name: str, lock: DeviceLock) -> PhotoFaces:
        gate.wait()
        return faces_of(models, content, name)

    monkeypatch.setattr(studio_faces, "faces_of", wait_and_find)
    finder = FaceFinder(models)
    content = encode(astronaut())
    futures = [finder.submit(content, f"{i}.png") for i in range(MAX_WAITING)]
    with pytest.raises(Busy, match="try again"):
        finder.submit(content, "late.png")
    gate.set()
    assert [future.result().name for future in futures] == [f"{i}.png" for i in range(MAX_WAITING)]
    with pytest.raises(PhotoError):
        finder.submit(b"", "empty.png").result()
    finder.close()
