"""`draw`: what it optimizes, keeps and records."""

from __future__ import annotations

import dataclasses
import json
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

import styleclip
from styleclip.canvases.drawing.palette import group_colors, unite_colors
from styleclip.canvases.drawing.result import FILES
from styleclip.canvases.drawing.settings import Drawing
from styleclip.canvases.drawing.start import start_strokes
from styleclip.canvases.drawing.task import DrawingTask, points_schedule
from styleclip.canvases.drawing.views import disturb, look, random_transforms
from styleclip.canvases.result import CanvasResult
from styleclip.canvases.strokes.canvas import StrokeCanvas, add_mirrored
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.errors import UsageError
from styleclip.images import from_pil, read_record
from styleclip.networks.clip import CLIP
from styleclip.progress import Step
from styleclip.prompt_words import PromptWarning
from styleclip.settings import resolve

QUICK = Drawing(strokes=6, steps=3, restarts=2, views=1, seed=3, size=112)


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return styleclip.load_clip()


@pytest.fixture(scope="module")
def drawing(clip: CLIP) -> CanvasResult:
    return styleclip.draw("a smiling face", clip, QUICK, negatives=["a sad face"])


def test_a_drawing_in_its_files(drawing: CanvasResult, tmp_path: Path) -> None:
    paths = drawing.save(tmp_path / "d", FILES)
    assert sorted(path.name for path in paths) == sorted(FILES)
    record = json.loads((tmp_path / "d/result.json").read_text())
    assert record["settings"]["prompt"] == "a smiling face" and record["settings"]["negatives"] == ["a sad face"]
    assert record["settings"]["strokes"] == 6 and record["steps"] == 6 and record["method"] == "draw"
    assert min(record["scores"]["losses"]) == record["scores"]["loss"]
    assert read_record(tmp_path / "d/drawing.png")["settings"] == record["settings"]
    assert drawing.pictures["drawing.png"].size == (512, 512)
    assert 'viewBox="0 0 512 512"' in (tmp_path / "d/drawing.svg").read_text()
    with Image.open(tmp_path / "d/animation.gif") as animation:
        assert animation.n_frames > 6  # type: ignore[attr-defined]


def test_the_same_seed_draws_the_same(clip: CLIP, drawing: CanvasResult) -> None:
    again = styleclip.draw("a smiling face", clip, QUICK, negatives=["a sad face"])
    assert again.documents["drawing.svg"] == drawing.documents["drawing.svg"]
    other = styleclip.draw("a smiling face", clip, dataclasses.replace(QUICK, seed=9))
    assert other.documents["drawing.svg"] != drawing.documents["drawing.svg"]


def test_the_similarity_rises(clip: CLIP) -> None:
    seen: list[float] = []
    settings = Drawing(strokes=12, steps=30, restarts=1, views=2, size=112)
    result = styleclip.draw("a smiling face", clip, settings, on_step=lambda step: seen.append(step.values["loss"]))
    assert len(seen) == 30 and result.steps == 30
    assert result.scores["loss"] < sum(seen[:5]) / 5 - 0.05


def test_it_is_drawn_on_a_photo(clip: CLIP) -> None:
    photo = Image.linear_gradient("L").resize((120, 80)).convert("RGB")
    settings = Drawing(strokes=2, steps=2, restarts=1, views=1, size=112)
    result = styleclip.draw("a smiling face", clip, settings, background=photo)
    picture = result.pictures["drawing.png"]
    assert picture.size == (768, 512)  # enlarged to a shorter side of 512 px
    expected = from_pil([photo.resize(picture.size)])
    assert ((from_pil([picture]) - expected).abs().amax(dim=1) < 0.02).float().mean() > 0.5
    with Image.open(BytesIO(result.documents["animation.gif"])) as animation:
        assert animation.size == (384, 256)


def test_ctrl_c_keeps_the_best_so_far(clip: CLIP) -> None:
    def interrupt(step: Step) -> None:
        if step.index == 4:
            raise KeyboardInterrupt

    result = styleclip.draw("a smiling face", clip, QUICK, on_step=interrupt)
    assert result.interrupted and result.steps == 4 and len(result.scores["losses"]) == 2


def test_texts_that_clip_cannot_read_are_refused(clip: CLIP) -> None:
    with pytest.raises(UsageError, match="no words"):
        styleclip.draw("a face", clip, QUICK, negatives=["?"])


def test_force_is_recorded_where_it_is_set(clip: CLIP, drawing: CanvasResult) -> None:
    with pytest.warns(PromptWarning, match="does not know 'zorgel'"):
        forced = styleclip.draw("a zorgel face", clip, dataclasses.replace(QUICK, steps=1, restarts=1), force=True)
    assert forced.settings["force"] is True and "force" not in drawing.settings


def test_the_smallest_width_is_not_above_the_largest() -> None:
    with pytest.raises(UsageError, match="the smallest width 60 is above the largest, 50; pass another"):
        resolve(Drawing(min_width=60.0), {})


def test_start_is_as_published() -> None:
    settings = resolve(Drawing(), {})
    assert (settings.strokes, settings.steps, settings.views, settings.negative_weight) == (256, 1000, 4, 0.3)
    strokes = start_strokes(settings, (224, 224), torch.Generator().manual_seed(0))
    assert len(strokes) == 256 and set(strokes.segment_counts().tolist()) == {1, 2, 3}
    assert (strokes.widths == 1).all() and 0 <= strokes.colors.min() < 0.01 < 0.99 < strokes.colors.max() <= 1
    steps = strokes.points[:, 1:] - strokes.points[:, :-1]
    assert 11 < steps.abs().max() <= 11.2  # 0.05 of 224 px
    assert [points_schedule(t) for t in (0, 0.49, 0.5, 0.74, 0.75, 1)] == [1, 1, 0.4, 0.4, 0.1, 0.1]


def test_lengths_and_rates_are_those_of_a_canvas_of_224_px(clip: CLIP) -> None:
    settings = resolve(dataclasses.replace(QUICK, size=112, width=3.0, min_width=2.0), {})
    task = DrawingTask(clip, ["a face"], settings, None)
    assert task.size == (112, 112)
    strokes = start_strokes(settings, (112, 112), torch.Generator().manual_seed(0))
    assert (strokes.widths == 1.5).all() and strokes.points.abs().max() < 150


def test_a_palette_limits_the_colours(clip: CLIP) -> None:
    settings = dataclasses.replace(QUICK, palette=2, steps=6, restarts=1)
    svg = styleclip.draw("a smiling face", clip, settings).documents["drawing.svg"].decode()
    assert 1 <= len({line.split('stroke="')[1][:7] for line in svg.splitlines() if line.startswith("<path")}) <= 2


def test_colours_are_grouped_by_k_means() -> None:
    colors = torch.tensor([[1.0, 0, 0], [0.9, 0, 0], [0, 0, 1], [0, 0.1, 1], [0, 1, 0]])
    group = group_colors(colors, 3)
    assert group[0] == group[1] and group[2] == group[3] and len(set(group.tolist())) == 3
    assert torch.allclose(unite_colors(colors, group)[:2], torch.tensor([[0.95, 0, 0]] * 2))
    assert len(set(group_colors(colors[:2], 8).tolist())) == 2


def test_views_are_those_of_clipdraw_and_noise_is_added(clip: CLIP) -> None:
    settings, generator = resolve(Drawing(), {}), torch.Generator().manual_seed(1)
    views = look(torch.ones(3, 24, 32), random_transforms(settings, 5, generator))
    assert views.shape == (5, 3, 32, 32) and torch.allclose(views, torch.ones(()))  # white on a white square
    assert torch.equal(disturb(views, settings, generator), views)
    noisy = disturb(views, dataclasses.replace(settings, noise=0.5), generator)
    assert 0.01 < (noisy - views).std() < 0.9 and (noisy - views).mean().abs() < 0.2
    tinted = disturb(views, dataclasses.replace(settings, jitter=0.2), generator)
    assert tinted.flatten(2).std(dim=2).amax() < 1e-5 and 0.01 < (tinted - views).abs().amax() <= 0.3001


def test_mirrored_strokes_follow_theirs() -> None:
    settings = resolve(dataclasses.replace(QUICK, mirror=True), {})
    strokes = start_strokes(settings, (32, 32), torch.Generator().manual_seed(0))
    picture = StrokeCanvas(strokes, (32, 32), mirror=True)()
    both = add_mirrored(strokes, 32)
    assert len(both) == 12 and torch.equal(both.points[0::2], strokes.points)
    once = rasterise(strokes[:1], (32, 32))
    assert torch.allclose(rasterise(both[1:2], (32, 32)), once.flip(2), atol=1e-5)
    assert (picture - picture.flip(2)).abs().mean() < (once - once.flip(2)).abs().mean()


def test_a_photo_is_not_mirrored_unless_asked(clip: CLIP) -> None:
    photo = Image.new("RGB", (64, 64))
    settings = Drawing(strokes=2, steps=1, restarts=1, views=1)
    assert styleclip.draw("a face", clip, settings, background=photo).settings["mirror"] is False
    mirrored = dataclasses.replace(settings, mirror=True)
    svg = styleclip.draw("a face", clip, mirrored, background=photo).documents["drawing.svg"]
    assert svg.count(b"<path") == 4
