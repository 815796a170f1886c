"""Jobs as values: how far they are."""

from __future__ import annotations

import pytest

from styleclip.progress import Step
from styleclip.studio.threads.tasks import Job, Task


def test_the_time_that_is_left_follows_from_the_pace_of_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("styleclip.studio.threads.tasks.time.monotonic", lambda: now[0])
    job = Job(Task("key", "drawing", lambda on_step: None))
    assert job.record["seconds_left"] is None
    for index, seconds, left in ((200, 0, None), (300, 10, 70), (400, 30, 90)):
        now[0] = 100.0 + seconds
        job.note(Step(index, 1000, stage="samples"))
        assert job.record["seconds_left"] == left
    job.note(Step(1, 2, stage="regression"))
    assert job.record["seconds_left"] is None
