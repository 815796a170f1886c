"""In a browser: a photo comes in, one of its faces is edited and pasted back, and a brush limits what may change."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.studio_page import StudioPage, read_picture
from styleclip.regions import Region
from tests.helpers.support import ROOT

RED = "a face with red hair"


def test_a_photo_is_edited_and_pasted_back(studio: StudioPage, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.open(ROOT / "docs" / "photo.jpg").save(photo)
    studio.drop(photo)
    studio.find("face-choice").nth(1).click()
    studio.wait("window.studio.state().face.photo?.face === 2")
    studio.settle()
    source = studio.pixels()
    studio.type_strength(studio.add_row(RED), 0.9)
    assert np.abs(studio.pixels().astype(int) - source).mean() > 1
    studio.find("export-menu").click()
    with studio.page.expect_download() as download:
        studio.find("export-photo").click()
    download.value.save_as(tmp_path / "pasted.png")
    before, after = (read_picture((tmp_path / name).read_bytes()) for name in ("photo.png", "pasted.png"))
    changed = (before != after).any(axis=-1)
    assert 0.005 < changed.mean() < 0.33
    studio.find("view-photo").click()
    studio.settle()
    assert (studio.find("readout").text_content() or "").startswith("1200 × 520")
    columns = np.flatnonzero(changed.any(axis=0)) / changed.shape[1]
    assert columns.min() > 0.3 and columns.max() < 0.7, "only the portrait in the middle changes"


def test_nothing_changes_outside_of_the_strokes(studio: StudioPage) -> None:
    source = studio.pixels()
    studio.type_strength(studio.add_row(RED), 0.9)
    everywhere = studio.pixels()
    studio.find("brush").click()
    studio.paint([(0.3, 0.2), (0.5, 0.15), (0.7, 0.2)])
    studio.settle()
    painted, mask = studio.pixels(), Image.open(io.BytesIO(studio.export("mask")))
    weights = Region.load(mask, mask.size[::-1]).weights.numpy()
    assert 0.02 < (weights > 0).mean() < 0.6 and (weights == 1).any()
    np.testing.assert_array_equal(painted[weights == 0], source[weights == 0])
    np.testing.assert_array_equal(painted[weights == 1], everywhere[weights == 1])
    studio.find("brush-clear").click()
    studio.settle()
    np.testing.assert_array_equal(studio.pixels(), everywhere)


def test_a_forgotten_photo_is_sent_again(studio: StudioPage) -> None:
    """Without its cookie the browser is another session, which has no uploads; after a reload all is as before."""
    studio.drop(ROOT / "docs" / "photo.jpg")
    studio.find("face-choice").nth(2).click()
    studio.wait("window.studio.state().face.photo?.face === 3")
    studio.settle()
    source, state = studio.pixels(), studio.state()
    studio.page.context.clear_cookies()
    studio.reload()
    assert studio.state() == state and studio.find("face-choice").count() == 3
    np.testing.assert_array_equal(studio.pixels(), source)


def test_a_photo_without_a_face_is_used_whole(studio: StudioPage, tmp_path: Path) -> None:
    Image.effect_noise((80, 60), 20).convert("RGB").save(tmp_path / "leaves.png")
    studio.drop(tmp_path / "leaves.png")
    studio.wait("document.querySelector('[data-testid=use-whole]')")
    assert "no face was found in leaves.png" in (studio.find("photo-error").text_content() or "")
    assert "seed" in studio.state()["face"]
    studio.find("use-whole").click()
    studio.wait("window.studio.state().face.photo?.face === 0")
    studio.settle()
