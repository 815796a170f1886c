"""`stylize`: a photo in the style of a text, its size, its net, and the files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import styleclip
from styleclip.canvases.stylization import faces as faces_module
from styleclip.canvases.stylization.faces import find_faces
from styleclip.canvases.stylization.result import StyledPhoto
from styleclip.canvases.stylization.style_net import Finish, StyleNet, contrast, enlarge, mean_grey, reduce_to
from styleclip.canvases.stylization.stylize import apply_net, stylize
from styleclip.canvases.stylization.videos import draw_video, find_pictures, read_picture
from styleclip.errors import NoFaceError, PhotoError, UsageError, WeightError
from styleclip.images import read_record, write_video
from styleclip.networks.photo_unet import PhotoUNet
from styleclip.progress import Step
from styleclip.prompt_words import PromptWarning
from styleclip.settings import published_values
from styleclip.weights.catalog import bundle
from styleclip.weights.formats.own_files import save_own
from tests.helpers.faces import made_up_face
from tests.helpers.tiny import tiny_clip, tiny_recogniser

CLIP, PROMPT = tiny_clip(), "a red face"
QUICK = styleclip.Stylization(source="a face", steps=2, num_crops=2, side=64, content="clip", contrast=1.0)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height))


@pytest.fixture(scope="module")
def styled() -> StyledPhoto:
    return stylize(picture(100, 70), PROMPT, CLIP, QUICK)


def narrow_net(seed: int = 0, **options: Any) -> StyleNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return StyleNet(PhotoUNet(width=2).eval().requires_grad_(False), Finish(side=64), **options)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_a_photo_keeps_its_size_and_a_seed_its_pixels(styled: StyledPhoto) -> None:
    assert styled.styled.size == (100, 70) and styled.styled.mode == "RGB"
    assert pixels(styled.styled).std() > 1 and set(styled.scores) == {"direction"}
    again = stylize(picture(100, 70), PROMPT, CLIP, QUICK)
    assert np.array_equal(pixels(again.styled), pixels(styled.styled))


def test_a_large_photo_keeps_its_size_too() -> None:
    drawn = narrow_net().draw(picture(1100, 120))  # two tiles
    assert drawn.size == (1100, 120)


def test_the_record_has_all_that_made_it(styled: StyledPhoto) -> None:
    record = styled.record()
    assert record["method"] == "stylize" and record["steps"] == 2 and not record["interrupted"]
    assert record["settings"]["prompt"] == PROMPT and record["settings"]["lambda_id"] == 0  # without a recogniser
    suited = bundle("demo")["stylize"]
    assert record["settings"]["lambda_patch"] == suited["lambda_patch"] and record["settings"]["steps"] == 2
    assert record["provenance"]["content"] == {"network": "tiny", "layers": ("block0",)}
    assert record["provenance"]["clip"] == {"name": "tiny"}
    with pytest.warns(PromptWarning, match="does not know 'zebra'"):
        forced = stylize(picture(40, 40), "a zebra face", CLIP, QUICK, force=True)
    assert forced.record()["settings"]["force"] is True and "force" not in record["settings"]


def test_the_published_values_are_those_of_clipstyler() -> None:
    values = published_values(styleclip.Stylization)
    weights = {name.removeprefix("lambda_"): value for name, value in values.items() if name.startswith("lambda_")}
    assert weights == {"patch": 9000, "direction": 500, "content": 150, "tv": 0.002, "id": 0, "hue": 0}
    assert (values["steps"], values["lr"], values["num_crops"], values["threshold"]) == (200, 5e-4, 64, 0.7)
    assert (values["crop_size"] * values["side"], values["distortion"], values["contrast"]) == (128, 0.5, 1.5)
    assert (values["source"], values["levels"], values["start"], values["draw_side"]) == ("a Photo", 3, "noise", None)
    assert set(bundle("demo")["stylize"]) <= set(values)


def test_a_strip_and_a_tiny_photo() -> None:
    for size in ((400, 32), (32, 33)):
        assert stylize(picture(*size), PROMPT, CLIP, replace(QUICK, steps=1)).styled.size == size


def test_files(styled: StyledPhoto, tmp_path: Path) -> None:
    paths = styled.save(tmp_path / "out", save_net=True)
    assert [path.name for path in paths] == ["photo.png", "net.safetensors", "comparison.png", "result.json"]
    assert read_record(tmp_path / "out" / "photo.png")["settings"]["prompt"] == PROMPT
    assert json.loads((tmp_path / "out" / "result.json").read_text())["steps"] == 2
    names = {path.name for path in styled.save(tmp_path / "out", overwrite=True)}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names  # the net of the earlier result is gone


def test_the_net_draws_the_same_and_other_pictures(styled: StyledPhoto, tmp_path: Path) -> None:
    net = StyleNet.load(styled.net.save(tmp_path / "net.safetensors"))
    assert net.about["prompt"] == PROMPT
    assert np.array_equal(pixels(net.draw(styled.photo.image)), pixels(styled.styled))
    other = apply_net(net, picture(37, 90, seed=1))
    assert other.styled.size == (37, 90) and other.record()["provenance"]["net"]["name"] == "net.safetensors"


def test_alpha_is_kept() -> None:
    photo = picture(40, 40)
    photo.putalpha(Image.linear_gradient("L").resize((40, 40)))
    found = apply_net(narrow_net(), photo).styled
    assert found.mode == "RGBA" and found.getchannel("A").tobytes() == photo.getchannel("A").tobytes()


def test_contrast_is_that_of_torchvision() -> None:
    from torchvision.transforms.functional import adjust_contrast

    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    expected = adjust_contrast(image, 1.5) * 2 - 1
    found = contrast(image * 2 - 1, 1.5, mean_grey(image * 2 - 1))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_ctrl_c_keeps_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(step: Step) -> None:
        raise KeyboardInterrupt

    found = stylize(picture(40, 40), PROMPT, CLIP, QUICK, on_step=press)
    assert found.interrupted and found.record()["steps"] == 1


def test_what_it_cannot_do() -> None:
    with pytest.raises(UsageError, match="the prompt has no words"):
        stylize(picture(40, 40), " ... ", CLIP, QUICK)
    with pytest.raises(UsageError, match="mean the same to CLIP"):
        stylize(picture(40, 40), "a face", CLIP, QUICK)
    with pytest.raises(UsageError, match="the identity loss needs a face recogniser"):
        stylize(picture(40, 40), PROMPT, CLIP, replace(QUICK, lambda_id=1.0))
    with pytest.raises(UsageError, match="crop_size is 2"):
        styleclip.Stylization(crop_size=2)


@pytest.mark.parametrize(
    "about",
    [
        {"start": "nothing", "finish": {"side": 64}},
        {"start": "noise", "finish": {"side": 10**9}},
        {"start": "noise", "finish": {"side": 64, "contrast": "much"}},
        {"start": "noise", "finish": {"side": 64, "more": 1}},
        {"start": "noise", "finish": None},
    ],
)
def test_a_damaged_net_is_refused(tmp_path: Path, about: dict[str, Any]) -> None:
    path = save_own("stylenet", narrow_net().network.state_dict(), tmp_path / "net.safetensors", about)
    with pytest.raises(WeightError, match="net.safetensors: .*train the net again"):
        StyleNet.load(path)


def test_a_picture_drawn_smaller_is_enlarged_with_the_detail_of_the_photo() -> None:
    photo = picture(96, 72)
    small = reduce_to(photo, 64)
    assert np.abs(pixels(enlarge(small, small, photo, 1.0)) - pixels(photo)).mean() < 2  # nothing was changed
    net = narrow_net()
    net.finish = Finish(side=64, draw_side=64, detail=0.0)
    plain = net.draw(photo)
    drawn = StyleNet(net.network, Finish(side=64)).draw(small, net.statistics([photo]))
    assert plain.size == photo.size and np.array_equal(pixels(plain), pixels(drawn.resize(photo.size)))
    assert net.draw(reduce_to(photo, 40)).size == (40, 30)  # never enlarged


def test_faces_are_framed_for_the_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = styleclip.canvases.stylization.videos.read_photo(picture(200, 100))
    monkeypatch.setattr(faces_module, "load_detector", lambda device: lambda image: [made_up_face(60, 80)])
    found = find_faces(photo, tiny_recogniser())
    assert found is not None and len(found) == 1 and found.embed(torch.zeros(1, 3, 50, 100)).shape == (1, 5)

    def nobody(*_: Any, **__: Any) -> Any:
        raise NoFaceError("no face")

    monkeypatch.setattr(faces_module, "align", nobody)
    assert find_faces(photo, tiny_recogniser()) is None


def test_a_video_is_drawn_frame_by_frame(tmp_path: Path) -> None:
    frames = [picture(48, 34, seed) for seed in (0, 0, 0)]
    video = write_video(frames, tmp_path / "walk.mp4")
    picture(40, 40).save(tmp_path / "walk.png")
    assert find_pictures([str(tmp_path)]).photos == [tmp_path / "walk.png", video]
    assert read_picture(video).image.size[0] > 34
    steps: list[Step] = []
    drawn = draw_video(narrow_net(), video, tmp_path / "drawn.mp4", steps.append)
    assert [step.index for step in steps] == [1, 2, 3] and steps[0].total == 3
    assert read_picture(drawn).image.size == read_picture(video).image.size
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(PhotoError, match="no video that can be read"):
        read_picture(tmp_path / "broken.mp4")
