"""`--image` with one photo in every editor: what is pasted back, what stays, and what Python writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import ArrayLike
from PIL import Image
from scipy.ndimage import maximum_filter

import styleclip
from styleclip.alignment.face_mask import MARGIN, face_mask
from styleclip.edit_source import EditSource
from styleclip.images import read_record
from styleclip.inversion.invert import Invert
from styleclip.inversion.refine import Refine
from styleclip.models import Models
from styleclip.photo_editing import edit_photo
from styleclip.results import EditResult
from styleclip.storage.recording import InputFile
from styleclip.weights.file_state import sha256_of
from tests.helpers.mappers import PROMPT
from tests.helpers.photo_commands import GLOBAL, MAP, OPTIMIZE, PHOTO, changed, record, without_paths
from tests.helpers.photos import ASTRONAUT, SRGB, astronaut, file_names, pixel_difference, read_rgb, write_two_faces
from tests.helpers.support import ROOT, decode_video, done, failed

Run = Callable[..., Result]


def within(points: np.ndarray, quad: ArrayLike) -> np.ndarray:
    """Where the places [N, 2] lie in a crop, from (0, 0) at its top left to (1, 1)."""
    top_left, bottom_left, _, top_right = np.array(quad)
    axes = np.stack([top_right - top_left, bottom_left - top_left], axis=1)
    return np.linalg.solve(axes, (points - top_left).T).T


@pytest.mark.parametrize(
    ("command", "results"),
    [
        (OPTIMIZE, [""]),
        (MAP, [""]),
        ((*MAP, "--strength=-1,0.5"), ["strength_-1", "strength_0.5"]),
        ((*GLOBAL, "--alpha=-3,3"), ["alpha_-3", "alpha_3"]),
    ],
    ids=["optimize", "map", "strengths", "global-dir"],
)
def test_every_editor_takes_photos(run: Run, command: tuple[str, ...], results: list[str]) -> None:
    lines = done(run(*command, *PHOTO, "--out", "out")).stdout.splitlines()
    quad = json.loads(Path("out/inversion/result.json").read_text())["quad"]
    for name in results:
        folder = Path("out", name)
        pasted = changed(folder / "photo.png", astronaut())
        assert str(folder / "photo.png") in lines and len(pasted) > 1000
        inside = within(pasted, quad)
        assert inside.min() > MARGIN / 2 and inside.max() < 1 - MARGIN / 2  # the crop is upright to some degrees
        source = record(str(folder))["provenance"]["source"]
        assert source["image"] == ASTRONAUT.name and source["inversion"]["quad"] == quad
        about = read_record(folder / "photo.png")
        assert about["pasted"] is True and about["photo"] == ASTRONAUT.name
        assert about["photo_sha256"] == sha256_of(ASTRONAUT)
        told = record(str(folder))
        assert "after.png" in told.pop("pictures")
        if "mapper" in told["provenance"]:  # a path in result.json, a name in pictures
            assert Path(folder, told["provenance"]["mapper"]["file"]).samefile("m.safetensors")
            told["provenance"]["mapper"]["file"] = "m.safetensors"
        assert without_paths(about["results"]) == [without_paths(told)]
    both = [Path("out", name, "before.png") for name in results] + [Path("out/inversion/reconstruction.png")]
    assert len({read_rgb(path).tobytes() for path in both}) == 1


@pytest.mark.parametrize("command", [(*MAP, "--strength", "0"), (*GLOBAL, "--alpha", "0")], ids=["map", "global-dir"])
def test_no_edit_shows_the_inversion_alone(run: Run, models: Models, command: tuple[str, ...]) -> None:
    """The photo differs where the mask of the face is, which ends sooner than the crop, and nowhere else."""
    done(run(*command, *PHOTO, "--out", "out"))
    assert pixel_difference(read_rgb("out/before.png"), read_rgb("out/after.png")).max() == 0
    [aligned] = Invert().frames(models, ASTRONAUT)
    assert aligned.face is not None and aligned.quad is not None
    mask = maximum_filter(face_mask(256, aligned.face.landmarks.in_crop(aligned.quad)), 3)  # a pixel sees four cells
    inside = within(changed("out/photo.png", astronaut()), aligned.quad)
    cells = (inside * 256).astype(int)
    assert len(cells) > 1000 and inside.min() > 0 and mask[cells[:, 1], cells[:, 0]].min() > 0
    assert (mask == 0).mean() > 0.1


def test_what_the_photo_has_besides_stays(run: Run) -> None:
    alpha = Image.linear_gradient("L").resize((512, 512))
    picture = astronaut()
    picture.putalpha(alpha)
    picture.save("me.png", icc_profile=SRGB)
    done(run(*MAP, "--image", "me.png", "--refine", 2, "--out", "out"))
    with Image.open("out/photo.png") as pasted:
        assert (pasted.mode, pasted.info["icc_profile"]) == ("RGBA", SRGB)
        assert pasted.getchannel("A").tobytes() == alpha.tobytes() and len(changed("out/photo.png", astronaut()))


@pytest.mark.parametrize(
    ("options", "name", "kind"),
    [
        (("--format", "jpeg", "--quality", "80"), "photo.jpg", "JPEG"),
        (("--format", "webp"), "photo.webp", "WEBP"),
        (("--format", "same"), "photo.webp", "WEBP"),  # as the astronaut
        (("--format", "png"), "photo.png", "PNG"),
    ],
)
def test_the_format_of_what_comes_back(run: Run, options: tuple[str, ...], name: str, kind: str) -> None:
    result = done(run(*MAP, *PHOTO, *options, "--out", "out"))
    assert result.stdout.splitlines()[0] == f"out/{name}"
    assert [path.name for path in Path("out").glob("photo.*")] == [name]
    with Image.open(Path("out") / name) as picture:
        assert (picture.format, picture.size) == (kind, (512, 512))
    failed(run(*MAP, *PHOTO, *options, "--out", "out"), 1, "out already holds results")


@pytest.mark.parametrize("options", [("--quality", "90"), ("--quality", "90", "--format", "png")])
def test_png_has_no_quality(run: Run, options: tuple[str, ...]) -> None:
    failed(run(*MAP, *PHOTO, *options, "--out", "out"), 2, "--quality is for --format jpeg, webp or same")
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("command", "names", "frames"),
    [
        ((*OPTIMIZE, "--video"), ["photo.mp4"], 4),
        ((*GLOBAL[:-2], "--video", "gif", "--alpha=3", "--beta", "0.01,0.02"), ["photo_1.gif", "photo_2.gif"], 4),
    ],
    ids=["optimize", "global-dir"],
)
def test_a_video_shows_the_photo(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], names: list[str], frames: int
) -> None:
    """Besides the video of the face alone: the face is the generator's, the rest the photo's."""
    monkeypatch.setattr("styleclip.sweep_sheets.FRAMES", 3)
    astronaut().resize((256, 256)).save("small.png")
    result = done(run(*command, "--image", "small.png", "--refine", 2, "--out", "out"))
    assert set(names) == {path.name for path in Path("out").glob("photo*.[mg][pi]*")}
    assert all(f"out/{name}" in result.stdout for name in names)
    pictures = decode_video(Path("out") / names[-1], side=256)
    assert len(pictures) == frames
    differs = np.abs(pictures[1].astype(int) - np.asarray(read_rgb("small.png"))).mean(axis=2)
    face, rest = differs[30:80, 85:135], differs[150:]
    assert np.median(face) > 3 * np.median(rest) and np.median(rest) <= 8  # of compression


@pytest.mark.parametrize("option", ["--no-paste", "--no-align"])
def test_no_video_of_a_photo_that_is_not_pasted(run: Run, option: str) -> None:
    done(run(*OPTIMIZE, "--video", *PHOTO, option, "--out", "out"))
    assert (Path("out") / "video.mp4").is_file() and not list(Path("out").glob("photo*"))


@pytest.mark.parametrize("option", ["--no-paste", "--no-align", "aligned"])
def test_nothing_is_pasted(run: Run, option: str) -> None:
    """Where it is not wanted, and where the picture is all face."""
    done(run("invert", ASTRONAUT, "--refine", 2, "--out", "ours"))
    photo = ("--image", "ours/aligned.png", "--refine", "2") if option == "aligned" else (*PHOTO, option)
    result = done(run(*MAP, *photo, "--out", "out"))
    assert "photo.png" not in result.stdout and not list(Path("out").rglob("photo.png"))
    assert record("out")["provenance"]["source"]["inversion"]["note"] == (
        "was aligned already" if option == "aligned" else ""
    )


def test_a_pasted_photo_is_a_photo_again(run: Run) -> None:
    done(run(*MAP, *PHOTO, "--strength", "0", "--out", "once"))
    result = run(*MAP, "--image", "once/photo.png", "--refine", 2, "--out", "again")
    assert result.exit_code in (0, 1)  # what the tiny network paints need not be a face
    assert "was aligned" not in result.output


def test_a_picture_of_one_face_as_json(run: Run) -> None:
    told = json.loads(done(run(*MAP, *PHOTO, "--out", "out", "--json")).stdout)
    assert told["files"][0] == "out/photo.png" and told["pasted"] == ["out/photo.png"] and told["photo"] == PHOTO[1]
    [face] = told["faces"]
    assert face["folder"] == "out" and face["provenance"] == record("out")["provenance"]


def test_several_faces_go_back_into_one_photo(run: Run) -> None:
    write_two_faces(Path("two.png"))
    options = ("--image", "two.png", "--face", "all", "--refine", 2, "--strength", "1,2", "--out", "out")
    done(run(*MAP, *options))
    assert file_names("out") == ["face_1", "face_2", "strength_1", "strength_2"]
    assert file_names("out/strength_1") == ["photo.png"]
    x = changed("out/strength_2/photo.png", read_rgb("two.png"))[:, 0]
    assert x.min() < 450 < x.max() and len(read_record(Path("out/strength_1/photo.png"))["results"]) == 2
    inverted = Path("out/face_1/inversion/result.json").stat().st_mtime_ns
    failed(run(*MAP, *options), 1, "out already holds results", "--overwrite")
    assert Path("out/face_1/inversion/result.json").stat().st_mtime_ns == inverted


def test_sliders_move_all_faces(run: Run) -> None:
    write_two_faces(Path("two.png"))
    texts = ("--edit", f"a face -> {PROMPT.target} @ 2, 0.02", "--relevance", "gradient")
    options = ("--mapper", "m.safetensors", "--image", "two.png", "--face", "all", "--refine", 1, "--out", "out")
    assert done(run("sliders", *texts, *options)).stdout.startswith("out/photo.png\nout/face_1/before.png\n")
    x = changed("out/photo.png", read_rgb("two.png"))[:, 0]
    assert x.min() < 450 < x.max() and len(record("out/face_2")["settings"]["sliders"]) == 2


def test_python_writes_what_the_command_does(run: Run, models: Models) -> None:
    """A photo of three faces: the same files, pictures, latents and records, but for the time that it took."""
    photo = ROOT / "docs" / "photo.jpg"
    done(run(*MAP, "--image", photo, "--face", "all", "--refine", 2, "--out", "command"))
    mapper = {"file": InputFile("m.safetensors"), "sha256": sha256_of(Path("m.safetensors"))}

    def edit(source: EditSource) -> Iterator[tuple[str, EditResult]]:
        editor, about = styleclip.Editor(source.models), {"source": source.about, "mapper": mapper}
        yield "", editor.edit(source.latent, PROMPT, styleclip.LatentMapper("m.safetensors"), about=about)

    edit_photo(models, photo, edit, Invert(face="all", refine=Refine(steps=2))).save("python")
    written = {str(path.relative_to("command")) for path in Path("command").rglob("*.*")}
    assert {"photo.png", "face_3/after.png", "face_3/inversion/latent.safetensors"} < written
    assert {str(path.relative_to("python")) for path in Path("python").rglob("*.*")} == written
    for name in written:
        ours, theirs = Path("command", name), Path("python", name)
        if name.endswith(".png"):
            assert read_rgb(ours).tobytes() == read_rgb(theirs).tobytes()
            assert timeless(read_record(ours)) == timeless(read_record(theirs))
        elif name.endswith(".json"):
            assert timeless(json.loads(ours.read_text())) == timeless(json.loads(theirs.read_text()))
        else:
            assert ours.read_bytes() == theirs.read_bytes()


def timeless(told: Any) -> Any:
    """A record without its seconds."""
    if isinstance(told, dict):
        return {name: timeless(value) for name, value in told.items() if name != "seconds"}
    return [timeless(value) for value in told] if isinstance(told, list) else told


def test_results_are_not_replaced(run: Run) -> None:
    done(run(*MAP, *PHOTO, "--out", "out"))
    inverted = Path("out/inversion/result.json").stat().st_mtime_ns
    failed(run(*MAP, *PHOTO, "--out", "out"), 1, "out already holds results", "--overwrite")
    assert Path("out/inversion/result.json").stat().st_mtime_ns == inverted
    done(run(*MAP, *PHOTO, "--out", "out", "--overwrite"))


def test_the_photo_itself_is_never_replaced(run: Run) -> None:
    astronaut().save("photo.png")
    before = Path("photo.png").read_bytes()
    options = ("--image", "photo.png", "--refine", 2, "--out", ".")
    failed(run(*MAP, *options), 1, "already holds results (photo.png)")
    failed(run(*MAP, *options, "--overwrite"), 2, "photo.png has the name of a result and would be replaced by it")
    assert Path("photo.png").read_bytes() == before
