"""The resolution of pictures while a slider moves, from the times of pictures."""

from __future__ import annotations

from styleclip.studio.drawing.ladder import KEPT, TRIALS, Ladder


def test_quick_generators_are_drawn_in_full() -> None:
    ladder = Ladder([16, 32])
    assert ladder.preview() is None and ladder.full_ms is None
    ladder.note(None, 300.0)  # the first picture is slow
    assert ladder.preview() is not None
    ladder.note(None, 12.0)
    assert ladder.preview() is None and ladder.full_ms == 12.0


def test_slow_generators_get_the_finest_resolution_in_time() -> None:
    ladder = Ladder([16, 32, 64, 128, 256, 512])
    ladder.note(None, 600.0)
    assert ladder.preview() == 64  # 600 / 2 ** 4
    for _ in range(TRIALS):
        ladder.note(32, 5.0)
        ladder.note(64, 20.0)
        ladder.note(128, 39.0)
        ladder.note(256, 70.0)
    assert ladder.preview() == 128
    for _ in range(KEPT):  # other work slows it down
        ladder.note(128, 60.0)
    assert ladder.preview() == 64
    for resolution in (16, 32, 64):
        for _ in range(KEPT):
            ladder.note(resolution, 60.0)
    assert ladder.preview() == 16


def test_generators_without_smaller_blocks() -> None:
    ladder = Ladder([])
    ladder.note(None, 900.0)
    assert ladder.preview() is None
