"""`--image`: photos in every editor, pasted back, one after the other; and latents whose generator was tuned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import ArrayLike
from PIL import Image
from scipy.ndimage import maximum_filter

import styleclip
from styleclip.alignment.face_mask import MARGIN, face_mask
from styleclip.alignment.photo_paths import output_folders
from styleclip.cli import main
from styleclip.images import read_record
from styleclip.inversion.generator_delta import save_tuning
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.latents import Latent, save_latent, tuning_hash
from styleclip.methods.mapper import save_trained_mapper
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.photo_editing import EditSource, edit_photo
from styleclip.results import EditResult
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import sha256_of
from tests.helpers.mappers import PROMPT, random_trained_mapper
from tests.helpers.photos import (
    ASTRONAUT,
    GOLDEN,
    SRGB,
    astronaut,
    cached_mtcnn,
    file_names,
    interrupt_inversion,
    pixel_difference,
    read_rgb,
    write_photo_folder,
    write_two_faces,
)
from tests.helpers.support import done, failed
from tests.helpers.tiny import tiny_generator

__all__ = ["cached_mtcnn"]  # a fixture
Run = Callable[..., Result]
OPTIMIZE = ("optimize", "--prompt", PROMPT.target, "--steps", "2")
MAP = ("map", "--mapper", "m.safetensors")
GLOBAL = ("global-dir", "--prompt", PROMPT.target, "--neutral", "a face", "--relevance", "gradient", "--images", "2")
GLOBAL += ("--channels", "5")
PHOTO = ("--image", str(ASTRONAUT), "--refine", "2")
TUNED = "latent.tuning.safetensors"


@pytest.fixture
def run(files: tuple[Path, Path], models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on the tiny models, in an empty folder that holds the mapper m.safetensors, without LPIPS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    monkeypatch.setattr(styleclip.models, "load_perceptual", lambda: None)
    monkeypatch.setattr("styleclip.inversion.pivotal_tuning.PivotalTuning", lambda: PivotalTuning(steps=10, rank=2))
    save_trained_mapper(random_trained_mapper(models), tmp_path / "m.safetensors")
    common = ["--model", str(files[0]), "--clip", str(files[1])]

    def call(command: str, *more: object) -> Result:
        return CliRunner().invoke(main, [command, *common, *map(str, more)], prog_name="styleclip")

    return call


def record(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path, "result.json").read_text())
    return found


def changed(pasted: Path | str, photo: Image.Image) -> np.ndarray:
    """The places (x, y) [N, 2] of the pixels that are not those of the photo."""
    found = read_rgb(pasted)
    assert found.size == photo.size
    y, x = pixel_difference(found, photo).max(axis=2).nonzero()
    return np.stack([x, y], axis=1)


def within(points: np.ndarray, quad: ArrayLike) -> np.ndarray:
    """Where the places [N, 2] lie in a crop, from (0, 0) at its top left to (1, 1)."""
    top_left, bottom_left, _, top_right = np.array(quad)
    axes = np.stack([top_right - top_left, bottom_left - top_left], axis=1)
    return np.linalg.solve(axes, (points - top_left).T).T


# --- one photo in every editor


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
        assert source["image"] == str(ASTRONAUT.resolve()) and source["inversion"]["quad"] == quad
        about = read_record(folder / "photo.png")
        assert about["pasted"] is True and about["photo"] == str(ASTRONAUT.resolve())
        assert about["results"] == [record(str(folder))]
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
        assert pasted.getchannel("A").tobytes() == alpha.tobytes()
        assert len(changed("out/photo.png", astronaut()))


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
    assert x.min() < 450 < x.max()
    assert len(read_record(Path("out/strength_1/photo.png"))["results"]) == 2
    inverted = Path("out/face_1/inversion/result.json").stat().st_mtime_ns
    failed(run(*MAP, *options), 1, "out already holds results", "--overwrite")
    assert Path("out/face_1/inversion/result.json").stat().st_mtime_ns == inverted


def test_python_writes_what_the_command_does(run: Run, models: Models) -> None:
    """A photo of three faces: the same files, pictures, latents and records, but for the time that it took."""
    photo = Path(__file__).parents[2] / "docs" / "photo.jpg"
    done(run(*MAP, "--image", photo, "--face", "all", "--refine", 2, "--out", "command"))
    mapper = {"file": Path("m.safetensors").resolve(), "sha256": sha256_of(Path("m.safetensors"))}

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


# --- several photos


def test_a_folder(run: Run) -> None:
    write_photo_folder(Path("holiday"))
    command = (*MAP, "--image", "holiday", "--refine", 2, "--strength", "1,2", "--out", "out")
    result = run(*command)
    assert result.exit_code == 1 and result.stderr == "Error: 1 of 3 photos failed; the summary says why\n"
    assert [line.split(": ")[:2] for line in result.stdout.splitlines()] == [
        ["holiday/alone.webp", "out/alone"],
        ["holiday/broken.png", "failed"],
        ["holiday/two.png", "out/two"],
    ]
    assert file_names("out") == ["alone", "two"]
    assert file_names("out/alone") == ["grid.png", "inversion", "strength_1", "strength_2"]
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.*")}
    again = run(*command)
    assert "Error: 3 of 3 photos failed" in again.stderr and again.stdout.count("; pass --overwrite") == 2
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.*")} == before
    assert "Error: 1 of 3 photos failed" in run(*command, "--overwrite").stderr


def test_a_folder_as_json(run: Run) -> None:
    write_photo_folder(Path("holiday"))
    result = run(*MAP, "--image", "holiday/[ab]*", "--refine", 2, "--out", "out", "--json")
    alone, broken = json.loads(result.stdout)["photos"]
    assert result.exit_code == 1 and alone["pasted"] == ["out/alone/photo.png"] and alone["photo"].endswith("webp")
    assert broken == {
        "photo": "holiday/broken.png",
        "error": "holiday/broken.png is not a picture that can be read; save it as JPEG or PNG",
    }
    assert set(alone["files"]) <= set(json.loads(result.stdout)["files"])


def test_notes_are_part_of_the_summary(run: Run) -> None:
    Image.fromarray(GOLDEN["aligned"]).save("crop.png")
    images = ("--image", ASTRONAUT, "--image", "crop.png", "--refine", 2)
    lines = done(run(*MAP, *images, "--out", "out")).stdout.splitlines()
    assert lines == [f"{ASTRONAUT}: out/astronaut/photo.png", "crop.png: out/crop (was aligned already)"]
    assert done(run(*MAP, *images[2:], "--out", "one")).stderr == "crop.png: was aligned already\n"


def test_photos_of_one_name_have_folders_of_their_own() -> None:
    photos = [Path(name) for name in ("a/x.jpg", "a/x.png", "b/x.png", "a/y.png", "x.jpg.webp")]
    file_names = ["x.jpg", "x.png", "x.png-2", "y", "x.jpg.webp-2"]
    assert [place.as_posix() for place in output_folders(photos, Path("out")).values()] == [
        f"out/{name}" for name in file_names
    ]


def test_ctrl_c_in_a_folder_keeps_what_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photo_folder(Path("holiday"))
    interrupt_inversion(monkeypatch, after=1)
    result = run(*MAP, "--image", "holiday", "--refine", 2, "--out", "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted; kept 1 of 3 photos\n")
    assert result.stdout.splitlines()[-1] == "holiday/two.png: interrupted" and file_names("out") == ["alone"]


def test_ctrl_c_in_an_edit_keeps_its_best(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And pastes it."""
    edit, calls = Optimize.__call__, iter(range(9))

    def pressed(self: Optimize, *arguments: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return edit(self, *arguments)

    monkeypatch.setattr(Optimize, "__call__", pressed)
    write_photo_folder(Path("holiday"))
    result = run(*OPTIMIZE, "--image", "holiday", "--face", "all", "--refine", 2, "--out", "out")
    said = "Interrupted at step 0; kept the best result so far, and 1 of 3 photos before\n"
    assert (result.exit_code, result.stderr) == (130, said)
    assert file_names("out/two") == ["face_1", "photo.png"] and record("out/two/face_1")["interrupted"] is True


def test_ctrl_c_between_faces(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_two_faces(Path("two.png"))
    interrupt_inversion(monkeypatch, after=1)
    result = run(*MAP, "--image", "two.png", "--face", "all", "--refine", 2, "--out", "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted; kept face_1\n")
    assert file_names("out") == ["face_1", "photo.png"]


# --- usage


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--face", "all"), "--face is for photos; pass it with --image"),
        (("--no-align",), "--no-align is for photos; pass it with --image"),
        (("--landmarks", "mtcnn"), "--landmarks is for photos"),
        (("--encoder", "none"), "--encoder is for photos"),
        (("--refine", "3"), "--refine is for photos"),
        (("--tune",), "--tune is for photos"),
        (("--no-paste", "--seed", "3"), "--no-paste is for photos"),
        (("--image", "a.jpg", "--seed", "1"), "--seed and --image both name a source; pass one of them"),
        (("--image", "a.jpg", "--latent", "m.safetensors"), "--latent and --image both name a source"),
        (("--image", "absent.jpg"), "there is no picture called absent.jpg; pass a picture"),
    ],
)
@pytest.mark.parametrize("command", [OPTIMIZE, MAP, GLOBAL], ids=lambda command: command[0])
def test_bad_usage(run: Run, command: tuple[str, ...], options: tuple[str, ...], words: str) -> None:
    failed(run(*command, *options, "--out", "out"), 2, words)
    assert not Path("out").exists()


def test_encoders_that_are_not_there_are_told_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Invert, "frames", None)
    images = ("--image", ASTRONAUT, "--image", write_two_faces(Path("two.png")))
    failed(run(*MAP, *images, "--encoder", "mine.pt"), 1, "'mine.pt' is neither an encoder nor a file nor a URL")


# --- tuned generators


@pytest.fixture
def tuned(run: Run) -> Path:
    """What `invert --tune` left."""
    done(run("invert", ASTRONAUT, "--refine", 2, "--tune", "--no-align", "--out", "tuned"))
    return Path("tuned")


def test_a_tuned_latent_brings_its_generator(run: Run, tuned: Path, models: Models) -> None:
    """Through an edit, and an edit of the edit, and its source."""
    shown = read_rgb(tuned / "reconstruction.png")
    untouched = styleclip.Editor(models).render(Latent.load(tuned / "latent.safetensors"))
    assert pixel_difference(shown, Image.fromarray(styleclip.images.to_uint8(untouched)[0].numpy())).max() > 0
    first = done(run(*OPTIMIZE, "--latent", tuned / "latent.safetensors", "--out", "first"))
    assert f"first/{TUNED}" in first.stdout and first.stderr == ""
    assert pixel_difference(read_rgb("first/before.png"), shown).max() == 0
    assert record("first")["provenance"]["tuned"] == tuning_hash(Path("first/latent.safetensors"))
    second = done(run(*MAP, "--latent", "first/latent.safetensors", "--strength", "1,2", "--out", "second"))
    assert pixel_difference(read_rgb("second/strength_2/before.png"), read_rgb("first/after.png")).max() == 0
    assert {f"second/strength_{i}/{TUNED}" for i in (1, 2)} <= set(second.stdout.split()) and second.stderr == ""
    source = done(run(*GLOBAL, "--latent", "second/strength_1/source.safetensors", "--out", "third"))
    assert (
        pixel_difference(read_rgb("third/before.png"), read_rgb("first/after.png")).max() == 0 and source.stderr == ""
    )


def test_photos_are_edited_by_their_tuned_generator(run: Run) -> None:
    done(run(*MAP, *PHOTO, "--tune", "--out", "out"))
    assert TUNED in file_names("out") and TUNED in file_names("out/inversion")
    assert pixel_difference(read_rgb("out/before.png"), read_rgb("out/inversion/reconstruction.png")).max() == 0
    done(run(*OPTIMIZE, "--latent", "out/latent.safetensors", "--out", "again"))
    assert pixel_difference(read_rgb("again/before.png"), read_rgb("out/after.png")).max() == 0


@pytest.mark.parametrize("what", ["missing", "other"])
def test_a_tuning_that_is_not_there_is_a_warning(run: Run, tuned: Path, models: Models, what: str) -> None:
    (tuned / TUNED).unlink()
    if what == "other":
        target = torch.zeros(1, 3, 16, 16)
        latent = Latent.load(tuned / "latent.safetensors")
        save_tuning(PivotalTuning(steps=2, rank=1)(models, target, latent), tuned / TUNED)
    result = done(run(*MAP, "--latent", tuned / "latent.safetensors", "--out", "out"))
    assert result.stderr == (
        "Warning: tuned/latent.safetensors was made with a tuned generator, whose change is not beside it as "
        f"{TUNED}; the untouched one is used, so faces look less alike\n"
    )
    assert tuning_hash(Path("out/latent.safetensors")) is None and TUNED not in file_names("out")


def test_a_tuning_of_another_generator(run: Run, tuned: Path) -> None:
    save_generator(tiny_generator(seed=7), Path("other.safetensors"))
    other = ("--latent", tuned / "latent.safetensors", "--model", "other.safetensors", "--out", "out")
    failed(run(*OPTIMIZE, *other), 1, TUNED, "this tuning was made for another generator; pass that one with --model")
    (tuned / TUNED).write_bytes(b"no tensors")
    failed(run(*MAP, "--latent", tuned / "latent.safetensors", "--out", "out"), 1, f"tuned/{TUNED}: ")


def test_untuned_latents_look_for_no_tuning(run: Run, tuned: Path) -> None:
    """Whatever lies beside them."""
    save_latent(Latent.load(tuned / "latent.safetensors"), tuned / "plain.safetensors")
    (tuned / "plain.tuning.safetensors").write_bytes(b"no tensors")
    assert done(run(*MAP, "--latent", tuned / "plain.safetensors", "--out", "out")).stderr == ""
    assert TUNED not in file_names("out")


def test_an_untuned_result_in_the_place_of_a_tuned_one(run: Run, tuned: Path) -> None:
    done(run("invert", ASTRONAUT, "--refine", 2, "--no-align", "--out", tuned, "--overwrite"))
    assert tuning_hash(tuned / "latent.safetensors") is None
    assert done(run(*MAP, "--latent", tuned / "latent.safetensors", "--out", "out")).stderr == ""
    assert pixel_difference(read_rgb("out/before.png"), read_rgb(tuned / "reconstruction.png")).max() == 0
