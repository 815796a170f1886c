"""Photos edited in Python: every face inverted, edited on its own and pasted back into the photo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.alignment.photos import read_photo
from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import NumericError, OutputError, UsageError, WeightWarning
from styleclip.images import read_record
from styleclip.inversion.generator_delta import load_tuning
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import find_tuning_beside
from styleclip.latents import tuning_hash
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.models import Models
from styleclip.photo_editing import PhotoEdit, edit_photo
from styleclip.progress import Step
from styleclip.results import EditResult
from styleclip.sweep_combinations import combination_names
from styleclip.sweeps import edit_at_points, find_points
from tests.helpers.mappers import PROMPT, random_trained_mapper
from tests.helpers.photo_commands import without_paths
from tests.helpers.photos import (
    ASTRONAUT,
    SRGB,
    astronaut,
    cached_mtcnn,
    file_names,
    interrupt_inversion,
    pixel_difference,
    read_rgb,
    write_two_faces,
)

__all__ = ["cached_mtcnn"]  # a fixture
THREE_FACES = Path(__file__).parents[1] / "docs" / "photo.jpg"
QUICK = Invert(refine=Refine(steps=2))
EVERYBODY = Invert(refine=Refine(steps=2), face="all")


@pytest.fixture
def mapper(models: Models) -> LatentMapper:
    return LatentMapper(random_trained_mapper(models))


def towards(method: Any) -> Any:
    """The edit of a face by one method."""

    def edit(source: EditSource) -> Iterator[tuple[str, EditResult]]:
        about = {"source": source.about}
        yield "", Editor(source.models).edit(source.latent, PROMPT, method, about=about)

    return edit


def changed_columns(pasted: Image.Image, photo: Image.Image) -> list[int]:
    """The x of all pixels that differ."""
    found: list[int] = np.unique(pixel_difference(pasted.convert("RGB"), photo).max(axis=2).nonzero()[1]).tolist()
    return found


def test_three_faces_go_back_into_one_photo(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    with Image.open(THREE_FACES) as picture:
        photo = picture.convert("RGB")
    edited = Editor(models).edit_photo(THREE_FACES, PROMPT, mapper, EVERYBODY)
    assert [face.name for face in edited.faces] == ["face_1", "face_2", "face_3"] and not edited.interrupted
    [pasted] = edited.pasted.values()
    assert pasted.size == photo.size
    columns, centers = set(changed_columns(pasted, photo)), []
    for face in edited.faces:
        quad = face.inversion.aligned.quad
        assert quad is not None
        centers.append(quad[:, 0].mean())
        assert int(centers[-1]) in columns
        single = Editor(models).edit(face.inversion.latent, PROMPT, mapper)
        assert torch.equal(face.results[""].after, single.after)
        assert face.results[""].record()["provenance"]["source"]["inversion"] == face.inversion.record()
    assert centers == sorted(centers)

    paths = edited.save(tmp_path / "out")
    assert file_names(tmp_path / "out") == ["face_1", "face_2", "face_3", "photo.png"]
    assert paths[0] == tmp_path / "out" / "photo.png" and all(path.is_file() for path in paths)
    assert pixel_difference(read_rgb(paths[0]), pasted.convert("RGB")).max() == 0
    record = read_record(paths[0])
    assert record["pasted"] is True and record["photo"] == THREE_FACES.name
    saved = [json.loads((tmp_path / "out" / face.name / "result.json").read_text()) for face in edited.faces]
    told = [{key: each[key] for key in each if key != "pictures"} for each in saved]
    assert without_paths(record["results"]) == without_paths(told)
    assert (tmp_path / "out" / "face_2" / "inversion" / "latent.safetensors").is_file()
    with pytest.raises(OutputError, match="already holds results"):
        edited.save(tmp_path / "out")
    edited.save(tmp_path / "out", overwrite=True)


def test_faces_are_inverted_when_they_are_asked_for(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    """A face without a result is left out, and what the loop gives is what `edit_photo` gives."""
    photo = write_two_faces(tmp_path / "two.png")
    edited = PhotoEdit(read_photo(photo))
    for face in edited.invert_faces(models, EVERYBODY):
        assert edited.faces == []
        if face.name == "face_2":
            face.results[""] = Editor(face.source.models).edit(face.source.latent, PROMPT, mapper)
    assert [face.name for face in edited.faces] == ["face_2"] and not edited.interrupted
    alone = edit_photo(models, photo, towards(mapper), replace(EVERYBODY, face=2))
    assert edited.paste()[""].tobytes() == alone.pasted[""].tobytes()


def test_a_sweep_of_a_photo_has_a_photo_for_each_strength(models: Models, tmp_path: Path) -> None:
    method = GlobalDirection(relevance="gradient", images=2, channels=5)
    points, folders = find_points(models, [PROMPT], [-3, 3, 1], method=method), combination_names([-3, 3, 1], None)

    def edit(source: EditSource) -> Iterator[tuple[str, EditResult]]:
        for point in edit_at_points(Editor(source.models), source.latent, points):
            yield folders[point.combination], point.result

    write_two_faces(tmp_path / "two.png")
    edited = edit_photo(models, tmp_path / "two.png", edit, EVERYBODY, [*folders.values()])
    assert [*edited.pasted] == [*folders.values()] == ["alpha_-3", "alpha_3", "alpha_1"]
    assert all([*face.results] == [*folders.values()] for face in edited.faces)
    edited.save(tmp_path / "out")
    assert file_names(tmp_path / "out") == ["alpha_-3", "alpha_1", "alpha_3", "face_1", "face_2"]
    assert file_names(tmp_path / "out" / "alpha_1") == ["photo.png"]


def test_alpha_and_profile_of_the_photo_stay(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    alpha, picture = Image.linear_gradient("L").resize((512, 512)), astronaut()
    picture.putalpha(alpha)
    picture.save(tmp_path / "me.png", icc_profile=SRGB)
    edit_photo(models, tmp_path / "me.png", towards(mapper), QUICK).save(tmp_path / "out")
    with Image.open(tmp_path / "out" / "photo.png") as pasted:
        assert (pasted.mode, pasted.info["icc_profile"]) == ("RGBA", SRGB)
        assert pasted.getchannel("A").tobytes() == alpha.tobytes()


def test_nothing_is_pasted_where_it_is_not_wanted(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    edited = edit_photo(models, ASTRONAUT, towards(mapper), QUICK, paste=False)
    whole = edit_photo(models, ASTRONAUT, towards(mapper), Invert(refine=Refine(steps=2), align=False))
    for each, name in ((edited, "edited"), (whole, "whole")):
        assert each.pasted == {} and not [path for path in each.save(tmp_path / name) if path.name == "photo.png"]


def test_the_tuning_lies_beside_each_latent(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    how = Invert(refine=Refine(steps=2), tune=PivotalTuning(steps=4, rank=2))
    edited = Editor(models).edit_photo(ASTRONAUT, PROMPT, mapper, how)
    [face] = edited.faces
    assert face.source.tuning is not None and face.source.models.generator is not models.generator
    edited.save(tmp_path / "out")
    latent = tmp_path / "out" / "latent.safetensors"
    tuning = load_tuning(tmp_path / "out" / "latent.tuning.safetensors", models)
    assert tuning_hash(latent) == tuning.sha256
    for name in ("latent", "source"):
        found = find_tuning_beside(tmp_path / "out" / f"{name}.safetensors", models)
        assert found is not None and found.sha256 == tuning.sha256
    (tmp_path / "out" / "latent.tuning.safetensors").unlink()
    with pytest.warns(WeightWarning, match="the untouched one is used"):
        assert find_tuning_beside(latent, models) is None


def test_latents_of_the_untouched_generator_have_no_tuning(models: Models, tmp_path: Path) -> None:
    Editor(models).edit(Editor(models).sample(), PROMPT, LatentMapper(random_trained_mapper(models))).save(tmp_path)
    assert find_tuning_beside(tmp_path / "latent.safetensors", models) is None


def test_steps_name_the_face_and_the_stage(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    steps: list[Step] = []
    edit_photo(models, write_two_faces(tmp_path / "two.png"), towards(mapper), EVERYBODY, on_step=steps.append)
    assert [*dict.fromkeys(step.stage for step in steps)] == ["face 1 of 2: refine", "face 2 of 2: refine"]
    steps.clear()
    edit_photo(models, ASTRONAUT, towards(mapper), QUICK, on_step=steps.append)
    assert {step.stage for step in steps} == {"refine"}


@pytest.mark.parametrize("finished", [0, 1])
def test_ctrl_c_between_faces_keeps_those_before(
    models: Models, mapper: LatentMapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: int
) -> None:
    photo = write_two_faces(tmp_path / "two.png")
    interrupt_inversion(monkeypatch, after=finished)
    if not finished:
        with pytest.raises(KeyboardInterrupt):
            edit_photo(models, photo, towards(mapper), EVERYBODY)
        return
    edited = edit_photo(models, photo, towards(mapper), EVERYBODY)
    assert edited.interrupted and [face.name for face in edited.faces] == ["face_1"]
    assert not edited.faces[0].interrupted and max(changed_columns(edited.pasted[""], read_rgb(photo))) < 450


def test_ctrl_c_within_a_face_keeps_its_complete_results(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    def edit(source: EditSource) -> Iterator[tuple[str, EditResult]]:
        yield "one", Editor(source.models).edit(source.latent, PROMPT, mapper)
        raise KeyboardInterrupt

    edited = edit_photo(models, write_two_faces(tmp_path / "two.png"), edit, EVERYBODY, ["two", "one"])
    [face] = edited.faces
    assert edited.interrupted and face.interrupted and [*face.results] == [*edited.pasted] == ["one"]


def test_an_error_of_an_edit_is_raised(models: Models) -> None:
    def edit(source: EditSource) -> list[tuple[str, EditResult]]:
        raise NumericError("the edited picture is not finite; lower the strength of the edit")

    with pytest.raises(NumericError, match="not finite"):
        edit_photo(models, ASTRONAUT, edit, QUICK)


def test_the_photo_itself_is_never_replaced(models: Models, mapper: LatentMapper, tmp_path: Path) -> None:
    astronaut().save(tmp_path / "photo.png")
    edited = edit_photo(models, tmp_path / "photo.png", towards(mapper), QUICK)
    with pytest.raises(OutputError, match="already holds results"):
        edited.save(tmp_path)
    with pytest.raises(UsageError, match="would be replaced by it"):
        edited.save(tmp_path, overwrite=True)


def test_a_picture_without_a_file(models: Models, mapper: LatentMapper) -> None:
    """A picture of Pillow, an array, and the bytes of a file that nobody saved."""
    for photo in (astronaut(), np.asarray(astronaut()), ASTRONAUT.read_bytes()):
        edited = Editor(models).edit_photo(photo, PROMPT, mapper, QUICK)
        assert edited.faces[0].source.names == ["photo"] and edited.faces[0].source.about["image"] is None
        assert edited.notes == [] and edited.pasted[""].size == (512, 512)
    assert torch.equal(Editor(models).invert(photo, QUICK).latent.data, edited.faces[0].inversion.latent.data)
