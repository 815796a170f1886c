"""Sketches: the losses, the search, the ladder, sketches along a slider, and their files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import styleclip
from styleclip.canvases.sketching.losses import SketchLosses, default_layers
from styleclip.canvases.sketching.morph import morph_frames, morph_svg
from styleclip.canvases.sketching.results import ladder_result
from styleclip.canvases.sketching.search import StillLoss, black_strokes, find_sketch
from styleclip.canvases.sketching.sequence import sketch_ladder, sketch_sequence
from styleclip.canvases.sketching.settings import Sketching
from styleclip.errors import UsageError
from styleclip.images import to_pil
from styleclip.progress import Step
from tests.helpers.tiny import tiny_clip

QUICK = Sketching(strokes=3, steps=4, restarts=1, augmentations=1, lr=4.0)


def disc() -> torch.Tensor:
    """[1, 3, 32, 32]: a dark disc on white."""
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    return 1 - 2 * (((x - 16).square() + (y - 16).square()) < 60).float().expand(1, 3, 32, 32)


def test_the_losses_are_zero_for_the_picture_itself_in_the_same_views() -> None:
    losses, blank = SketchLosses(tiny_clip(), disc(), disc(), views=2, seed=3), torch.ones(3, 32, 32)
    same, other = losses.of_step(disc()[0], 5), losses.of_step(blank, 5)
    assert set(same) == {"block0", "semantic"} == set(other)
    assert all(term.abs() < 1e-5 for term in same.values()) and all(term > 1e-4 for term in other.values())
    again = losses.of_step(blank, 5)
    assert all(torch.equal(again[name], other[name]) for name in other)
    assert not torch.equal(losses.of_step(blank, 6)["block0"], other["block0"])


def test_layers_are_the_published_ones_or_named() -> None:
    assert default_layers(styleclip.load_clip()) == ("layer2", "layer3")
    with pytest.raises(UsageError, match="has no layer 'layer2'"):
        find_sketch(tiny_clip(), disc(), replace(QUICK, layers=("layer2",)))


def test_the_best_restart_is_kept_and_a_sketch_is_the_same_again() -> None:
    steps: list[Step] = []
    settings = replace(QUICK, restarts=3, steps=10)
    found = find_sketch(tiny_clip(), disc(), settings, steps.append)
    assert len(found.tries) == 3 and found.losses["loss"] == min(found.tries)
    assert [step.stage for step in steps] == [f"{i} of 3" for i in (1, 2, 3) for _ in range(10)]
    assert found.strokes.points.shape == (3, 4, 2) and 0 < found.strokes.points.mean() < 224
    assert torch.equal(find_sketch(tiny_clip(), disc(), settings).strokes.points, found.strokes.points)


def test_a_picture_that_is_not_square_lies_on_white() -> None:
    found = find_sketch(tiny_clip(), -torch.ones(1, 1, 16, 32), QUICK)
    assert found.picture.shape == (1, 3, 32, 32)
    assert found.picture[0, 0, :7].min() == 1 and found.picture[0, 0, 9:23].max() == -1


def test_ctrl_c_keeps_the_best_so_far() -> None:
    def interrupt(step: Step) -> None:
        if step.index == 2:
            raise KeyboardInterrupt

    found = find_sketch(tiny_clip(), disc(), replace(QUICK, restarts=2), interrupt)
    assert found.interrupted and len(found.tries) == 1
    assert styleclip.sketch(disc(), tiny_clip(), QUICK, on_step=interrupt).record()["interrupted"]


def test_ctrl_c_keeps_the_rungs_so_far() -> None:
    def interrupt(step: Step) -> None:
        if step.stage == "4 strokes":
            raise KeyboardInterrupt

    found = sketch_ladder(tiny_clip(), disc(), (2, 4, 8), replace(QUICK, steps=1), interrupt)
    assert [len(each.strokes) for each in found] == [2, 4] and found[-1].interrupted


def test_the_search_stops_where_the_loss_stands_still() -> None:
    stop, losses = StillLoss(), (1.0, 0.5, 0.5, 0.4, 0.4, 0.400001)
    assert [bool(stop(10, {"loss": loss})) for loss in losses] == [False] * 5 + [True]


def test_a_sketch_and_its_files(tmp_path: Path) -> None:
    to_pil(disc())[0].save(tmp_path / "face.png")
    region = torch.zeros(8, 8)
    region[1:7, 1:7] = 1
    settings = replace(QUICK, goal="lines", start="lines")
    paths = styleclip.sketch(tmp_path / "face.png", tiny_clip(), settings, region=region).save(tmp_path / "out")
    assert [path.name for path in paths] == [
        *("sketch.png", "comparison.png", "sketch.svg", "animation.svg", "animation.gif", "result.json")
    ]
    record = json.loads(paths[-1].read_text())
    assert record["settings"]["strokes"] == 3 and record["provenance"]["source"]["image"] == "../face.png"
    assert record["scores"]["tries"] == [record["scores"]["loss"]]
    assert paths[2].read_text().count("<path") == 3 and 'viewBox="0 0 224 224"' in paths[2].read_text()
    with Image.open(paths[0]) as drawn, Image.open(paths[4]) as film:
        assert drawn.size == (512, 512) and film.info["loop"] == 0


def test_a_ladder_has_a_sketch_for_each_number_of_strokes() -> None:
    result = ladder_result(sketch_ladder(tiny_clip(), disc(), (2, 5), QUICK), {})
    assert set(result.documents) == {"sketch.svg", "sketch_2.svg", "sketch_5.svg", "animation.svg", "animation.gif"}
    assert result.documents["sketch_5.svg"].count(b"<path") == 5
    assert result.settings["strokes"] == [2, 5] and "ladder.png" in result.pictures


def test_sketches_along_a_slider_begin_where_the_one_before_ended() -> None:
    steps: list[Step] = []
    found = sketch_sequence(tiny_clip(), [disc(), disc().roll(4, -1)], replace(QUICK, restarts=2), steps.append)
    assert [step.total for step in steps] == [4] * 8 + [2] * 2 and steps[-1].stage == "sketch 2 of 2"
    moved = (found[1].strokes.points - found[0].strokes.points).norm(dim=-1)
    assert moved.max() < 2 * 2 * 4.0 * 2**0.5  # about 4 of 224 in each of 2 steps


def test_strokes_move_from_sketch_to_sketch() -> None:
    first = black_strokes(torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(0)) * 200, 1.5)
    last = replace(first, points=first.points + 8)
    frames = morph_frames([first, last])
    assert torch.equal(frames[0].points, first.points) and torch.allclose(frames[-1].points, last.points)
    assert torch.allclose(frames[4].points, first.points + 4)
    document = morph_svg([first, last], (224, 224))
    assert document.count("<animate") == 2 == document.count("</path>")
    assert [each.count(";") for each in re.findall(r'values="([^"]*)"', document)] == [2, 2]  # there and back
    assert "<animate" not in morph_svg([first], (224, 224))


@pytest.mark.parametrize("wrong", [{"strokes": 0}, {"width": 0.0}, {"start": "here"}, {"restarts": 0}])
def test_settings_out_of_their_limits(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Sketching(**wrong)  # type: ignore[arg-type]
