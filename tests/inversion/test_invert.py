"""Photos -> latents in Python: stages, encoder, frames and photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import styleclip
from styleclip.alignment.align import align
from styleclip.alignment.detectors import load_detector
from styleclip.alignment.framing import FFHQ, Framing, crop
from styleclip.alignment.photos import read_photo
from styleclip.errors import NoFaceError, PhotoError, UsageError, WeightError
from styleclip.images import from_pil, to_pil
from styleclip.inversion import invert
from styleclip.inversion.invert import Invert
from styleclip.inversion.losses import reconstruction_scores
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import Inversion
from styleclip.models import Models
from styleclip.networks.e4e import Encoder
from styleclip.progress import Step
from styleclip.weights.catalog import catalog
from tests.helpers.inversions import NEAR, QUICK, TUNE, WHOLE, inversion, models
from tests.helpers.photos import ASTRONAUT, LANDMARKS, QUAD, astronaut, cached_mtcnn, pixel_difference
from tests.helpers.tiny import tiny_encoder

__all__ = ["cached_mtcnn", "inversion", "models"]  # fixtures


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
