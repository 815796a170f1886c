"""Files of metrics: nothing in them names the computer."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from styleclip.training import metrics_log
from styleclip.training.metrics_log import MetricsLog, earlier_files


class Board:
    """Opens a file as TensorBoard does, with the name of the computer in its name."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / f"events.out.tfevents.17{step}.{socket.gethostname()}.7.0"
        self.path.touch()

    def close(self) -> None:
        self.path.write_bytes(b"events")


def test_the_name_of_the_computer_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "alices-laptop")
    monkeypatch.setattr(metrics_log, "_tensorboard", Board)
    Board(tmp_path, 0).close()  # of a process that was killed
    with MetricsLog(tmp_path, 1):
        assert len(earlier_files(tmp_path)) == 3
    names = sorted(path.name for path in earlier_files(tmp_path))
    assert names == ["events.out.tfevents.170.7.0", "events.out.tfevents.171.7.0", "metrics.jsonl"]
    assert (tmp_path / "events.out.tfevents.171.7.0").read_bytes() == b"events"
