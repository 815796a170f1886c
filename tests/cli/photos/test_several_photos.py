"""`--image` with folders and several photos, one after the other; Ctrl-C in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from styleclip.alignment.photo_paths import output_folders
from styleclip.images import png_bytes
from styleclip.methods.optimize import Optimize
from styleclip.progress import Step
from tests.helpers.photo_commands import MAP, OPTIMIZE, record
from tests.helpers.photos import ASTRONAUT, GOLDEN, file_names, interrupt_inversion, write_photo_folder, write_two_faces
from tests.helpers.support import done

Run = Callable[..., Result]


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


def test_no_file_of_a_folder_is_skipped_silently(run: Run) -> None:
    """A raw file fails with its remedy, a video is skipped with its own, a text is no matter."""
    write_photo_folder(Path("holiday"))
    Path("holiday/two.png").unlink()
    Path("holiday/broken.png").rename("holiday/broken.TXT")
    Path("holiday/IMG_1.CR3").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    Path("holiday/IMG_2.MOV").write_bytes(b"\0\0\0\x14ftypqt  ")
    result = run(*MAP, "--image", "holiday", "--refine", 2, "--out", "out")
    assert (result.exit_code, result.stderr) == (1, "Error: 1 of 2 photos failed; the summary says why\n")
    raw, alone, video = result.stdout.splitlines()
    assert raw.startswith("holiday/IMG_1.CR3: failed: holiday/IMG_1.CR3 is a camera raw file")
    assert alone == "holiday/alone.webp: out/alone/photo.png"
    assert video == "holiday/IMG_2.MOV: skipped: is a video; save one frame of it as JPEG or PNG"
    Path("holiday/IMG_1.CR3").unlink()
    one = done(run(*MAP, "--image", "holiday", "--refine", 2, "--out", "one"))
    assert one.stderr == f"{video}\n" and "one/photo.png" in one.stdout
    told = json.loads(done(run(*MAP, "--image", "holiday", "--refine", 2, "--out", "told", "--json")).stdout)
    assert told["skipped"] == [
        {"file": "holiday/IMG_2.MOV", "error": "is a video; save one frame of it as JPEG or PNG"}
    ]


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


def test_a_folder_of_odd_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a line in ASCII, a folder within --out and a record, on a terminal that knows ASCII only."""
    monkeypatch.setattr("tests.helpers.commands.CliRunner", partial(CliRunner, charset="ascii"))
    Path("odd").mkdir()
    names = ["...png", "a\x1b[31m\nb.png", "caf\udce9.png", "result.json.png", "лицо.png", "\x9b.png"]
    face = png_bytes(Image.fromarray(GOLDEN["aligned"]).resize((64, 64)))
    for name in names:
        Path("odd", name).write_bytes(face if name != "\x9b.png" else b"no picture")
    images = [word for name in names for word in ("--image", f"odd/{name}")]
    result = run(*MAP, *images, "--no-align", "--refine", 1, "--out", "out")
    folders = ["photo", "a_[31m_b", "caf_", "result_json", "лицо"]
    assert file_names("out") == sorted(folders)
    assert [folder for folder in folders if not Path("out", folder, "result.json").is_file()] == []
    lines = result.stdout_bytes.decode("ascii").splitlines()
    assert len(lines) == 6 and "odd/caf\\udce9.png: " in lines[2]
    assert lines[1].startswith("odd/a\\x1b[31m\\nb.png: out/a_[31m_b")
    assert lines[5].startswith("odd/\\x9b.png: failed: odd/\\x9b.png is not a picture")
    assert record("out/caf_")["provenance"]["source"]["image"].endswith("caf\udce9.png")


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["...png", "..png", ".png", ". .png", "a.png"], ["photo", "png-2", "png", "png-3", "a"]),
        (
            ["latent.safetensors.jpg", "result.json.png", "Sweep.1.jpg"],
            ["latent_safetensors", "result_json", "Sweep_1"],
        ),
        (["before.png.jpg", "photo.jpg", "photo.png"], ["before_png", "photo_jpg", "photo_png"]),
        (["A.jpg", "a.JPG", "\u00e9.jpg", "e\u0301.jpg"], ["A.jpg", "a.JPG-2", "\u00e9.jpg", "e\u0301.jpg-2"]),
        (["CON.jpg", "nul.tar.png", "x. .jpg", " x.png"], ["_CON", "_nul.tar", "x", "x.png-2"]),
        (
            ["caf\udce9.jpg", "caf\udce8.jpg", "a\x1b[31m\n.png", "a:b\\..\\c.png"],
            ["caf_", "caf_.jpg-2", "a_[31m_", "a_b_.._c"],
        ),
    ],
)
def test_every_photo_has_a_folder_within_out(names: list[str], folders: list[str]) -> None:
    places = output_folders([Path(name) for name in names], Path("out"))
    assert [place.name for place in places.values()] == folders
    assert {place.parent for place in places.values()} == {Path("out")}


def test_ctrl_c_in_a_folder_keeps_what_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photo_folder(Path("holiday"))
    interrupt_inversion(monkeypatch, after=1)
    result = run(*MAP, "--image", "holiday", "--refine", 2, "--out", "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted; kept 1 of 3 photos\n")
    assert result.stdout.splitlines()[-1] == "holiday/two.png: interrupted" and file_names("out") == ["alone"]


def test_ctrl_c_in_an_edit_keeps_its_best(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And pastes it."""
    edit, calls = Optimize.edit_with_details, iter(range(9))

    def pressed(self: Optimize, models: Any, latent: Any, prompt: Any, on_step: Any) -> Any:
        def press(step: Step) -> None:
            on_step(step)
            if step.latent is not None:
                raise KeyboardInterrupt

        return edit(self, models, latent, prompt, press if next(calls) == 1 else on_step)

    monkeypatch.setattr(Optimize, "edit_with_details", pressed)
    write_photo_folder(Path("holiday"))
    result = run(*OPTIMIZE, "--image", "holiday", "--face", "all", "--refine", 2, "--out", "out")
    said = "Interrupted at step 1; kept the source, as no step was better, and 1 of 3 photos before"
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, said)
    assert file_names("out/two") == ["face_1", "photo.png"] and record("out/two/face_1")["interrupted"] is True


def test_ctrl_c_between_faces(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_two_faces(Path("two.png"))
    interrupt_inversion(monkeypatch, after=1)
    result = run(*MAP, "--image", "two.png", "--face", "all", "--refine", 2, "--out", "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted; kept face_1\n")
    assert file_names("out") == ["face_1", "photo.png"]
