"""In a browser: a photo comes in, one of its faces is edited and pasted back, and a brush limits what may change."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.studio_page import StudioPage, read_picture
from tests.helpers.support import ROOT

PHOTO = ROOT / "docs" / "photo.jpg"
RED = "a face with red hair"


def test_a_photo_is_edited_and_pasted_back(studio: StudioPage, tmp_path: Path) -> None:
    studio.drop(PHOTO)
    studio.find("face-choice").nth(1).click()
    studio.wait("window.studio.state().face.photo?.face === 2")
    studio.settle()
    source = studio.pixels()
    studio.type_strength(studio.add_row(RED), 0.9)
    assert np.abs(studio.pixels().astype(int) - source).mean() > 1
    studio.find("export-menu").click()
    with studio.page.expect_download() as download:
        studio.find("export-photo").click()
    path = tmp_path / "photo"
    download.value.save_as(path)
    photo, pasted = read_picture(PHOTO.read_bytes()), read_picture(path.read_bytes())
    changed = (photo != pasted).any(axis=-1)
    assert photo.shape == pasted.shape and 0.005 < changed.mean() < 0.34
    columns = np.flatnonzero(changed.any(axis=0)) / changed.shape[1]
    assert columns.min() > 0.3 and columns.max() < 0.7, "only the portrait in the middle changes"


def test_nothing_changes_outside_of_the_strokes(studio: StudioPage) -> None:
    source = studio.pixels()
    studio.type_strength(studio.add_row(RED), 0.9)
    everywhere = studio.pixels()
    studio.find("brush").click()
    studio.paint([(0.3, 0.2), (0.5, 0.15), (0.7, 0.2)])
    studio.settle()
    painted, mask = studio.pixels(), read_picture(studio.export("mask"))[..., 0]
    assert 0.02 < (mask > 0).mean() < 0.6
    np.testing.assert_array_equal(painted[mask == 0], source[mask == 0])
    np.testing.assert_array_equal(painted[mask == 255], everywhere[mask == 255])
    assert (painted != source).any()
    studio.find("brush-clear").click()
    studio.settle()
    np.testing.assert_array_equal(studio.pixels(), everywhere)
