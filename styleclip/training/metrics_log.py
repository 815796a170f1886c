"""The metrics of a training: metrics.jsonl, sheets of samples and, where it is installed, TensorBoard."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL.Image import Image

from styleclip.errors import OutputError
from styleclip.images import png_bytes
from styleclip.storage.files import atomic_write, naming_disk_errors
from styleclip.text.printable import printable_json
from styleclip.text.text_files import read_text

MAX_METRICS_BYTES = 2**30
METRICS = "metrics.jsonl"
EVENTS = "events.out.tfevents.[0-9]*"
PATTERNS = (METRICS, "samples_[0-9][0-9][0-9][0-9][0-9][0-9].png", EVENTS)


class MetricsLog:
    """Appends to the files of one folder: `with MetricsLog(folder, step) as log:`.

    A training that is resumed at `step` first removes the lines of later steps. With `enabled` off, in a process that
    is not the main one, nothing is read or written.
    """

    def __init__(self, folder: Path, step: int, enabled: bool = True) -> None:
        self.folder, self.path, self.enabled, self.board = folder, folder / METRICS, enabled, None
        if enabled:
            kept = [line for line in self._lines() if _step_of(line) <= step]
            atomic_write(self.path, "".join(f"{line}\n" for line in kept).encode())
            _hide_host(folder)
            self.board = _tensorboard(folder, step)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.board is not None:
            self.board.close()
            _hide_host(self.folder)

    def write(self, step: int, name: str, split: str, values: Mapping[str, float]) -> None:
        """One line: the step, the name of what is trained as `prompt`, `split` (train or held-out) and the values."""
        if not self.enabled:
            return
        row = {"step": step, "prompt": name, "split": split, **{k: round(v, 6) for k, v in values.items()}}
        with naming_disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(printable_json(json.dumps(row, ensure_ascii=False)) + "\n")
        if self.board is not None:
            for key, value in values.items():
                self.board.add_scalar(f"{name}/{split}/{key}", value, step)

    def write_sheet(self, step: int, sheet: Image) -> None:
        """Write a sheet of samples as samples_STEP.png."""
        if self.enabled:
            atomic_write(self.folder / f"samples_{step:06d}.png", png_bytes(sheet))

    def _lines(self) -> list[str]:
        """All but the last line, which a kill may have torn."""
        text = read_text(self.path, MAX_METRICS_BYTES, "replace") if self.path.exists() else ""
        return text.split("\n")[:-1]


def earlier_files(folder: Path) -> list[Path]:
    """The metrics and sheets of a training."""
    return [path for pattern in PATTERNS for path in sorted(folder.glob(pattern))]


def _step_of(line: str) -> float:
    """The step of a line; infinity for a torn one, which is later than any."""
    try:
        return int(json.loads(line)["step"])
    except (KeyError, TypeError, ValueError):
        return float("inf")


def _hide_host(folder: Path) -> None:
    """Take the name of this computer, which TensorBoard writes there, out of the names of files that are not open."""
    for path in folder.glob(EVENTS):
        shared = path.with_name(path.name.replace(f".{socket.gethostname()}.", "."))
        if shared != path:
            with suppress(OSError):
                path.rename(shared)


def _tensorboard(folder: Path, step: int) -> Any:
    """A writer where TensorBoard is installed, else None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    try:
        return SummaryWriter(str(folder), purge_step=step + 1)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; choose another folder with --out") from error
