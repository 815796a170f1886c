"""The engine of the studio on the demo models: pictures and facts of states."""

from __future__ import annotations

import io
import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.editor import Editor
from styleclip.images import to_pil
from styleclip.latents import Latent
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.studio.engine import Engine
from styleclip.studio.requests import StudioError
from styleclip.studio.states.state import Sample
from tests.helpers.studio import OLD, RED, draw, draw_state, pixels, row, state_of

BLUE = "a face with blue hair"
LEFT = {"erase": False, "radius": 0.3, "points": [[0.1, 0.0], [0.1, 1.0]]}


@pytest.mark.parametrize("rows", [[row(RED, strength=0)], [row(RED, strength=0.7, on=False)]])
@pytest.mark.parametrize("rest", [False, True])
def test_rows_at_0_or_off_give_the_bytes_of_the_face(engine: Engine, rows: list[dict[str, Any]], rest: bool) -> None:
    assert draw(engine, rows, rest=rest).picture == draw(engine, [], rest=rest).picture


def test_the_picture_is_that_of_the_library(engine: Engine) -> None:
    rows = [row(RED, 0.8, beta=0.2), row(OLD, -0.5, neutral=["a young face"])]
    editor = Editor(engine.models)
    sliders = [Slider(Prompt(RED), 0.8, 0.2), Slider(Prompt(OLD, "a young face"), -0.5)]
    result = editor.edit_together(editor.sample(seed=3, psi=0.7), sliders)
    state = state_of(rows, face={"seed": 3, "psi": 0.7})
    rest = draw_state(engine, state, rest=True)
    assert (pixels(rest.picture) == np.asarray(to_pil(result.after)[0])).all()
    assert rest.picture.startswith(b"\x89PNG") and draw_state(engine, state).picture.startswith(b"\xff\xd8")
    assert rest.facts["identity"] == pytest.approx(result.scores[0]["identity"], abs=2e-4)
    edit = engine.edit_of(state, engine.sessions.get("browser"))
    assert [each.row.id for each in edit.rows if each.moves] == [RED, OLD]
    again = Editor(edit.face.models).edit_together(edit.face.latent, edit.sliders, region=edit.region)
    assert torch.equal(again.after, result.after)


def test_the_order_of_rows_changes_nothing(engine: Engine) -> None:
    rows = [row(RED, 0.8), row(OLD, 0.3), {"id": "m", "kind": "mapper", "strength": 0.5, "name": "demo-surprised"}]
    pictures = {draw(engine, list(order), rest=True).picture for order in permutations(rows)}
    assert len(pictures) == 1


def test_facts_of_a_text(engine: Engine) -> None:
    drawn = draw(engine, [row(BLUE, 1.2)], rest=True)
    facts = drawn.facts["rows"][BLUE]
    assert facts["probability"] > 0.9 > 0.1 > facts["shown_before"]
    assert facts["channels"] == facts["total_channels"] == engine.models.generator.layout.size
    assert facts["range"] == [-2, 2] and facts["beta"] == 0 and "a face with red hair" in facts["neutral"]
    assert "(hair colour)" in facts["understood"][0] and facts["name"] == BLUE
    assert (
        drawn.facts["size"] == [*engine.models.generator.image_size]
        and drawn.facts["preview"] is None
        and drawn.facts["full_ms"] > 0
    )
    moving = draw(engine, [row(BLUE, 1.2)]).facts
    assert moving["identity"] is None and "probability" not in moving["rows"][BLUE]


def test_beta_selects_channels_without_measuring_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    all_channels = draw(engine, [row(RED)]).facts["rows"][RED]["channels"]
    monkeypatch.setattr(GlobalDirection, "measure", None)
    counts = [draw(engine, [row(RED, beta=beta)]).facts["rows"][RED]["channels"] for beta in (0.1, 0.3, 0.6)]
    assert all_channels > counts[0] > counts[1] > counts[2] > 0
    refused = draw(engine, [row(RED, beta=5.0)])
    assert "beta 5" in refused.facts["rows"][RED]["error"]
    assert refused.picture == draw(engine, []).picture


def test_a_table_counts_deviations(engine: Engine) -> None:
    facts = draw(engine, [row(RED, 4.0, relevance="table")], rest=True).facts["rows"][RED]
    assert facts["range"] == [-10, 10] and facts["neutral"] == ["a face"] and 0 < facts["channels"] < 1000
    assert 0 < facts["probability"] < 1 and "understood" not in facts
    assert draw(engine, [row(RED, -30.0, relevance="table")]).facts["rows"][RED]["range"] == [-30, 10]


def test_the_strength_that_a_face_needs(engine: Engine) -> None:
    drawn = draw(engine, [row(BLUE, None)], rest=True)
    auto = drawn.facts["rows"][BLUE]["auto"]
    assert 0.9 < auto < 2 and drawn.facts["rows"][BLUE]["probability"] > 0.8
    by_hand = draw(engine, [row(BLUE, auto)], rest=True)
    assert by_hand.picture == drawn.picture and by_hand.facts["rows"][BLUE]["auto"] == auto
    assert "auto" not in draw(engine, [row(BLUE)], seed=4).facts["rows"][BLUE], "nobody asked for it"


def test_a_row_with_unknown_words_moves_nothing_unless_forced(engine: Engine) -> None:
    names = ("an old zorgel face", "a zorgel face")
    rows = [row(RED), row(names[0], 1.0), row(names[1], 1.0, relevance="table")]
    drawn = draw(engine, rows)
    assert drawn.picture == draw(engine, [row(RED)]).picture
    assert not {"warning", "error"} & {*drawn.facts["rows"][RED]}
    for name in names:
        facts = drawn.facts["rows"][name]
        assert facts["error"].startswith("the demo CLIP does not know 'zorgel'; it has words for hair colour, ")
        assert facts["error"].endswith(" and clothing colour; say it in other words") and facts["can_force"]
    forced = draw(engine, [rows[0], *({**each, "force": True} for each in rows[1:])])
    assert forced.picture != drawn.picture
    for name in names:
        assert "does not know 'zorgel'" in forced.facts["rows"][name]["warning"]
        assert not {"error", "can_force"} & {*forced.facts["rows"][name]}
    assert "far beyond the samples" in draw(engine, [row(RED, 3.0)]).facts["rows"][RED]["warning"]


def test_a_fault_of_one_row_leaves_the_others(engine: Engine) -> None:
    faulty = [
        row(" ", id="empty"),
        {"id": "none", "kind": "mapper", "strength": 1, "name": "../demo-old"},
        {"id": "gone", "kind": "direction", "strength": 1, "name": "beard.safetensors", "sha256": "0" * 64},
        row("a face with a beard and without a beard", id="contrary"),
    ]
    drawn = draw(engine, [*faulty, row(RED)])
    facts = drawn.facts["rows"]
    assert drawn.picture == draw(engine, [row(RED)]).picture
    assert "the prompt is empty" in facts["empty"]["error"] and "no mapper '../demo-old'" in facts["none"]["error"]
    assert "does not have beard.safetensors" in facts["gone"]["error"] and facts["gone"]["missing"] == "file"
    assert "error" in facts["contrary"] and "error" not in facts[RED]
    with pytest.raises(StudioError, match="the prompt is empty"):
        engine.edit_of(state_of([*faulty, row(RED)]), engine.sessions.get("browser"))


def test_a_picture_that_is_not_finite_is_never_shown(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(engine, [row(RED, 0.5), row(OLD, 90.0)])  # finds the directions

    def nothing(models: Models, latent: Latent) -> torch.Tensor:
        return torch.full((1, 3, *models.generator.image_size), torch.nan)

    monkeypatch.setattr(type(engine.models), "render", nothing)
    drawn = draw(engine, [row(RED, 0.5), row(OLD, 90.0)])
    assert "not finite at strength 90; lower it" in drawn.facts["rows"][OLD]["error"]
    assert "error" not in drawn.facts["rows"][RED] and drawn.picture == draw(engine, []).picture


def test_outside_of_the_region_nothing_changes(engine: Engine) -> None:
    before, whole = pixels(draw(engine, [], rest=True).picture), pixels(draw(engine, [row(RED)], rest=True).picture)
    state = state_of([row(RED)], strokes=[LEFT])
    after = pixels(draw_state(engine, state, rest=True).picture)
    changed, width = (after != before).any(axis=2), before.shape[1]
    assert not changed[:, 7 * width // 16 :].any() and changed[:, : 5 * width // 16].any()
    assert (after[:, : width // 16] == whole[:, : width // 16]).all()
    assert engine.edit_of(state, engine.sessions.get("browser")).region is not None
    nothing = draw_state(engine, state_of([row(RED)], strokes=[LEFT, {**LEFT, "erase": True}]), rest=True)
    assert (pixels(nothing.picture) == before).all() and "nothing may change" in nothing.facts["notes"][0]


def test_pictures_are_reduced_and_not_enlarged(engine: Engine) -> None:
    for width, size in ((512, engine.models.generator.image_size), (32, (32, 32))):
        with Image.open(io.BytesIO(draw(engine, [row(RED)], width=width).picture)) as picture:
            assert picture.size == size


def test_another_model_is_told(engine: Engine) -> None:
    own = engine.models.generator_fingerprint
    assert draw_state(engine, state_of([], model=own)).facts["notes"] == []
    assert "another model" in draw_state(engine, state_of([], model="other")).facts["notes"][0]


def test_thumbnails(engine: Engine) -> None:
    first = engine.scheduler.call(lambda: engine.thumbnail(Sample(8), 32)).result()
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.size == (32, 32) and picture.format == "JPEG"
    assert engine.scheduler.call(lambda: engine.thumbnail(Sample(8), 32)).result() == first
    assert engine.scheduler.call(lambda: engine.thumbnail(Sample(8, 0.5), 32)).result() != first


def test_caches_stay_within_their_limits(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    faces, steps = engine.drawer.faces._faces, engine.drawer.steps._steps
    for cache in (faces, steps):
        monkeypatch.setattr(cache, "max_entries", 4)
    pictures = [draw(engine, [row(RED, 0.5)], seed=seed).picture for seed in (*range(6), *range(6))]
    assert pictures[:6] == pictures[6:] and len(set(pictures)) == 6
    picture_bytes = 3 * 4 * math.prod(engine.models.generator.image_size)
    assert len(faces) == len(steps) == 4 and 0 < faces.total_bytes < 4 * (picture_bytes + 50_000)
