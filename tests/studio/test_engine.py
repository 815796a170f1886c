"""The engine of the studio on the demo models: pictures, facts and errors of states, and the jobs behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import styleclip
from styleclip.studio.engine import Engine
from tests.helpers.studio import RED, draw, row


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(styleclip.load("demo"), "demo")
    yield engine
    engine.close()


@pytest.mark.parametrize("rows", [[row(RED, strength=0)], [row(RED, strength=0.7, on=False)]])
@pytest.mark.parametrize("rest", [False, True])
def test_rows_at_0_or_off_give_the_bytes_of_the_face(engine: Engine, rows: list[dict[str, Any]], rest: bool) -> None:
    assert draw(engine, rows, rest=rest).picture == draw(engine, [], rest=rest).picture
