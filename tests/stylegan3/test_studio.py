"""The studio with a tiny StyleGAN3: no previews, and a place in the state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from styleclip.errors import UsageError
from styleclip.models import Models
from styleclip.networks.transform import Transform
from styleclip.studio.engine import Engine
from styleclip.studio.exports.command import command_of
from styleclip.studio.exports.export import Export
from styleclip.studio.exports.python import python_of
from styleclip.studio.states.from_record import state_of_record
from styleclip.studio.states.read_state import read_state
from styleclip.studio.web.about import about
from tests.helpers.studio import draw_state, pixels, row, state_of
from tests.helpers.tiny import random_relevance_table, tiny_models

PLACE = {"translate": [0.2, -0.1], "rotate": 25.0}
RED = [row("a face with red hair", 1.5, relevance="table", beta=0.05)]


@pytest.fixture(scope="module")
def engine(alias_free: Models) -> Iterator[Engine]:
    table = random_relevance_table(alias_free.generator.layout.size)
    engine = Engine(replace(alias_free, relevance=lambda: table), "stylegan3.pkl")
    yield engine
    engine.close()


def test_there_are_no_previews(engine: Engine) -> None:
    assert engine.drawer.painter.ladder.resolutions == []
    assert draw_state(engine, state_of(RED)).facts["preview"] is None


def test_a_place_moves_the_picture_and_not_the_edit(engine: Engine) -> None:
    state = state_of(RED, **PLACE)
    assert state.transform == Transform((0.2, -0.1), 25.0) and read_state(state.record()) == state
    still, moved = draw_state(engine, state_of(RED), rest=True), draw_state(engine, state, rest=True)
    assert (pixels(still.picture) != pixels(moved.picture)).any()
    edits = [engine.edit_of(each, engine.sessions.get("browser")) for each in (state_of(RED), state)]
    exported = Export("png").make(state, edits[1])
    models = engine.models.with_transform(state.transform)
    assert torch.equal(edits[0].face.latent.data, edits[1].face.latent.data)
    assert torch.equal(edits[1].face.image, models.render(edits[0].face.latent))
    assert exported.content and edits[1].face.features is edits[0].face.features


def test_lines_and_records_tell_the_place(engine: Engine) -> None:
    state = state_of([], **PLACE)
    assert "--translate 0.2,-0.1 --rotate 25" in command_of(engine, state).text
    assert "translate=(0.2, -0.1), rotate=25.0" in python_of(engine, state).text
    assert "--rotate" not in command_of(engine, state_of([])).text
    sample = {"command": "sample", "seeds": [3], "psi": 1.0, "generator": {"network": "ab"}, **PLACE}
    assert state_of_record(sample).transform == state.transform


def test_a_studio_that_starts_at_a_place(alias_free: Models) -> None:
    place = Transform((0.2, -0.1), 25.0)
    engine = Engine(alias_free.with_transform(place), "stylegan3.pkl")
    assert engine.models.transform is None and about(engine)["place"] == PLACE
    engine.close()


def test_a_stylegan2_draws_where_it_is(engine: Engine) -> None:
    other = Engine(tiny_models(), "stylegan2.pkl")
    assert about(other)["place"] is None
    drawn = draw_state(other, state_of([], **PLACE), rest=True)
    assert "this generator is none" in drawn.facts["notes"][0]
    plain = draw_state(other, state_of([]), rest=True)
    assert (pixels(drawn.picture) == pixels(plain.picture)).all()
    other.close()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"translate": [1]}, "translate has no two numbers"),
        ({"translate": ["a", 0]}, "translate"),
        ({"translate": [99, 0]}, "translate"),
        ({"rotate": 1e9}, "rotate"),
    ],
)
def test_a_place_that_cannot_be_read(place: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        state_of([], **place)
