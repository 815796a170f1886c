"""The editing protocol of StyleFeatureEditor, on a folder in the structure of CelebA-HQ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from styleclip.errors import UsageError
from styleclip.evaluate.held_out.editors import MeasuredEditor
from styleclip.evaluate.image_sets.distances import frechet_distance
from styleclip.evaluate.image_sets.extractors import Extractor
from styleclip.evaluate.protocols.celeba_hq import annotation_file, read_annotation
from styleclip.evaluate.protocols.edited_pictures import edit_pictures
from styleclip.evaluate.protocols.sfe import SIDE_PX, Split, measure_sfe
from styleclip.inversion.invert import Invert
from styleclip.inversion.refine import Refine
from styleclip.methods.global_direction import GlobalDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from tests.helpers.celeba_hq import save_greys, write_celeba_hq


@pytest.fixture(scope="module")
def celeba_hq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_celeba_hq(tmp_path_factory.mktemp("CelebAMask-HQ"))


@pytest.fixture
def means() -> Extractor:
    """The mean of an image as its only feature."""

    def extract(images: torch.Tensor) -> torch.Tensor:
        assert images.shape[1:] == (3, SIDE_PX, SIDE_PX)
        return images.mean(dim=(1, 2, 3))[:, None] * 127.5 + 127.5

    return Extractor("mean", "fid", "kid", extract)


def test_edits_of_those_without_are_compared_with_originals_with_it(
    celeba_hq: Path, tmp_path: Path, means: Extractor
) -> None:
    split = Split.of(celeba_hq, read_annotation(annotation_file(celeba_hq)), "Eyeglasses")
    assert [*split.real] == [0, 2] and [*split.to_edit] == [1, 3, 4]
    save_greys(tmp_path / "edited", [200, 100, 200, 110, 120])  # 0 and 2 are no edits
    report = measure_sfe(split, split.edits(tmp_path / "edited"), [means])
    expected = frechet_distance(torch.tensor([[0.0], [20.0]]), torch.tensor([[100.0], [110.0], [120.0]]))
    assert report.distances["fid"] == pytest.approx(expected, rel=1e-3)
    assert report.share == pytest.approx(2 / 5)  # as len(with) / (len(with) + len(edited)) in the published script
    assert "| Eyeglasses | 2 | 3 | 40.00 % |" in report.table()
    [path] = report.save(tmp_path / "out")
    saved = json.loads(path.read_text())
    assert saved["protocol"]["seed"] == 777 and saved["edits"] == [1, 3, 4]
    assert saved["judges"] == {"fid": "mean", "kid": "mean"}


def test_an_edit_that_removes_the_attribute(celeba_hq: Path) -> None:
    split = Split.of(celeba_hq, read_annotation(annotation_file(celeba_hq)), "Eyeglasses", reversed_=True)
    assert [*split.real] == [1, 3, 4] and [*split.to_edit] == [0, 2]


def test_what_does_not_fit_is_refused(celeba_hq: Path, tmp_path: Path, means: Extractor) -> None:
    annotation = read_annotation(annotation_file(celeba_hq))
    with pytest.raises(UsageError, match="no attribute 'Glasses'; it is one of 5_o_Clock_Shadow, Eyeglasses"):
        Split.of(celeba_hq, annotation, "Glasses")
    with pytest.raises(UsageError, match="no picture of .* has 5_o_Clock_Shadow; pass"):
        Split.of(celeba_hq, annotation, "5_o_Clock_Shadow")
    split = Split.of(celeba_hq, annotation, "Eyeglasses")
    with pytest.raises(UsageError, match=r"no pictures with numbers as names.*; pass"):
        split.edits(tmp_path)
    save_greys(tmp_path, [1])
    with pytest.raises(UsageError, match=r"no edit of a picture to edit, such as 1\.png; pass edits"):
        split.edits(tmp_path)
    with pytest.raises(UsageError, match="no network .*; run `styleclip models pull fid-inception`"):
        measure_sfe(split, split.to_edit, [])
    with pytest.raises(UsageError, match="--annotation FILE"):
        annotation_file(tmp_path)
    for text in ("", "1\nEyeglasses\n1.jpg 1\n", "1\nEyeglasses\n0.jpg 0\n"):
        (tmp_path / "list.txt").write_text(text)
        with pytest.raises(UsageError, match="; pass CelebAMask-HQ-attribute-anno.txt"):
            read_annotation(tmp_path / "list.txt")


def test_pictures_are_edited_by_an_editor(celeba_hq: Path, tmp_path: Path, models: Models) -> None:
    split = Split.of(celeba_hq, read_annotation(annotation_file(celeba_hq)), "Eyeglasses", reversed_=True)
    editor = MeasuredEditor("global-dir", GlobalDirection())
    steps: list[int] = []
    paths, about = edit_pictures(
        models,
        split.to_edit,
        editor,
        Prompt("a face with red hair"),
        tmp_path,
        Invert(Refine(steps=1), align=False),
        on_step=lambda step: steps.append(step.index),
    )
    assert [*paths] == [0, 2] and steps == [1, 2] and split.edits(tmp_path) == paths
    with Image.open(paths[0]) as picture:
        assert picture.size == models.generator.config.image_size
    assert about["editor"]["method"] == "global-dir" and about["prompt"] == "a face with red hair"
