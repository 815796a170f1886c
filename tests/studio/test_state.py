"""States of the studio: round trip, limits, and faults that stay with their row."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from styleclip.studio.states.read_state import StateError, read_state
from styleclip.studio.states.state import LIMITS, OptimizeRow, PhotoFace, Sample, TextRow, UnreadRow

SHA = "0123456789abcdef" * 4
PHOTO = {"photo": {"sha256": SHA, "name": "me.jpg", "face": 2, "refine": 50, "tune": 150}}
TEXT = {"id": "r1", "kind": "text", "on": True, "strength": 0.8, "prompt": "a face with red hair"}
WHOLE = {
    "version": 1,
    "model": "abc",
    "face": {"seed": 3, "psi": 0.7},
    "rows": [
        {**TEXT, "neutral": ["a face with black hair", "a face"], "relevance": "table", "beta": 0.1},
        {
            **{**TEXT, "id": "r2", "on": False, "strength": None, "neutral": ["a face"], "force": True},
            **{"relevance": "auto", "beta": None},
        },
        {"id": "r3", "kind": "mapper", "on": True, "strength": 0.5, "name": "demo-old"},
        {"id": "r4", "kind": "mapper", "on": True, "strength": -1.0, "name": "my.pt", "sha256": SHA},
        {"id": "r5", "kind": "direction", "on": True, "strength": 2.0, "name": "beard.safetensors", "sha256": SHA},
        {"id": "r6", "kind": "optimize", "on": True, "strength": 1.0, "prompt": "old", "neutral": [], "face": PHOTO},
        {"id": "r7", "kind": "direction", "on": True, "strength": None, "name": "faces:age"},
        {"id": "r8", "kind": "direction", "on": True, "strength": 2.0, "name": "two.npz", "sha256": SHA, "key": "a:b"},
    ],
    "strokes": [{"erase": False, "radius": 0.06, "points": [[0.4, 0.3], [0.5, 0.3]]}],
}


def test_round_trip() -> None:
    state = read_state(json.loads(json.dumps(WHOLE)))
    assert state.record() == WHOLE
    assert read_state(state.record()) == state and not state.faults
    assert isinstance(state.rows[0], TextRow) and state.rows[0].prompt.neutrals == ("a face with black hair", "a face")
    assert isinstance(state.rows[1], TextRow) and state.rows[1].prompt.neutral == "a face"
    assert state.rows[1].prompt.force and not state.rows[0].prompt.force
    assert isinstance(state.rows[5], OptimizeRow) and state.rows[5].face == PhotoFace(SHA, "me.jpg", 2, 50, 150)


def test_what_may_be_left_out() -> None:
    state = read_state({"version": 1, "face": {"seed": 3.0}})
    assert (state.face, state.rows, state.strokes, state.model) == (Sample(3, 1.0), (), (), None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prompt": " "}, "the prompt is empty"),
        ({"prompt": None}, "the prompt is missing, not a text"),
        ({"prompt": "x" * 501}, "501 characters"),
        ({"prompt": "a\x00b"}, "control character"),
        ({"neutral": [""]}, "the neutral text is empty"),
        ({"neutral": "a face"}, "not a list"),
        ({"neutral": ["a face"] * 13}, "at most 12"),
        ({"strength": 1e9}, "-100 to 100"),
        ({"strength": float("nan")}, "a number"),
        ({"strength": True}, "a number"),
        ({"strength": "1"}, "a number"),
        ({"strength": 10**400}, "-100 to 100"),
        ({"on": 1}, "true or false"),
        ({"force": "yes"}, "force"),
        ({"beta": -0.1}, "beta"),
        ({"relevance": "gradient"}, "auto, regression, table"),
        ({"kind": "magic\x1b"}, r"kind of the row is 'magic\x1b'"),
        ({"kind": "direction", "sha256": "../../etc/passwd"}, "SHA-256"),
        ({"kind": "direction", "name": 3}, "the name is 3, not a text"),
        ({"kind": "direction", "name": "a", "key": ["b"]}, "the key is a list, not a text"),
        ({"kind": "direction", "name": "x" * 201}, "201 characters"),
        ({"kind": "optimize"}, "the face is missing"),
    ],
)
def test_a_fault_stays_with_its_row(values: dict[str, Any], said: str) -> None:
    faulty = {**TEXT, "id": "bad", **values}
    state = read_state({"version": 1, "face": {"seed": 3}, "rows": [TEXT, faulty]})
    assert isinstance(state.rows[0], TextRow) and isinstance(state.rows[1], UnreadRow)
    assert [*state.faults] == ["bad"] and said in state.faults["bad"] and "\n" not in state.faults["bad"]
    not_a_number = {name: None for name, value in faulty.items() if value != value}  # which JSON has not
    assert state.record()["rows"][1] == faulty | not_a_number


def test_the_record_of_a_fault_is_strict_json_in_utf8() -> None:
    faulty = {
        "id": "bad",
        "kind": "text",
        "strength": -math.inf,
        "prompt": "a \ud800",
        "neutral": [{"\udfff": math.nan}],
    }
    record = read_state({"version": 1, "face": {"seed": 3}, "rows": [faulty]}).record()
    kept = json.loads(json.dumps(record, allow_nan=False, ensure_ascii=False).encode())["rows"]
    assert kept == [{"id": "bad", "kind": "text", "strength": None, "prompt": "a ?", "neutral": [{"?": None}]}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"version": 2}, "version of the state is 2"),
        ({"face": None}, "the face"),
        ({"face": {"seed": -1}}, "the seed is -1"),
        ({"face": {"seed": 2**53}}, "whole number"),
        ({"face": {"seed": True}}, "whole number"),
        ({"face": {"seed": 1.5}}, "whole number"),
        ({"face": {"seed": 3, "psi": float("inf")}}, "psi"),
        ({"face": {"photo": {"sha256": SHA, "name": "a", "face": -1}}}, "number of the face"),
        ({"face": {"photo": {"sha256": SHA, "name": "a", "tune": 10**9}}}, "tune"),
        ({"face": {"photo": {"sha256": SHA.upper(), "name": "a"}}}, "SHA-256"),
        ({"model": 3}, "the model"),
        ({"rows": {}}, "not a list"),
        ({"rows": [3]}, "a row is 3"),
        ({"rows": [TEXT, TEXT]}, "two rows have the id 'r1'"),
        ({"rows": [{**TEXT, "id": None}]}, "the id of a row"),
        ({"rows": [{**TEXT, "id": str(i)} for i in range(25)]}, "at most 24"),
        ({"strokes": [{"radius": 0.1, "points": []}] * 201}, "at most 200"),
        ({"strokes": [{"radius": 0.1, "points": [[0, 0]] * 20_001}]}, "at most 20,000"),
        ({"strokes": [{"radius": 0.1, "points": [[0, 0]] * 15_000}] * 2}, "at most 5,000"),
        ({"strokes": [{"radius": 0.1, "points": [[0, 0, 0]]}]}, "at most 2"),
        ({"strokes": [{"radius": 0.1, "points": [[0]]}]}, "no two numbers"),
        ({"strokes": [{"radius": -1, "points": []}]}, "radius"),
        ({"strokes": [{"radius": 0.1, "points": [[float("nan"), 0]]}]}, "a number"),
    ],
)
def test_faults_of_the_whole(values: dict[str, Any], said: str) -> None:
    with pytest.raises(StateError) as caught:
        read_state({"version": 1, "face": {"seed": 3}, **values})
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "state", 3, {}])
def test_what_is_no_state(value: object) -> None:
    with pytest.raises(StateError):
        read_state(value)


def test_a_double_id_is_named() -> None:
    with pytest.raises(StateError) as caught:
        read_state({"version": 1, "face": {"seed": 3}, "rows": [TEXT, TEXT]})
    assert caught.value.row == "r1"


def test_limits_are_json() -> None:
    assert json.loads(json.dumps(dict(LIMITS))) == LIMITS
