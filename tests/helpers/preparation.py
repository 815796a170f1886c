"""A short preparation of a relevance table, in this process or killed in others."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import torch
from torch import Tensor

import styleclip
from styleclip.latents import StyleLayout
from styleclip.models import Models
from styleclip.relevance_table import RelevanceTable
from styleclip.stylespace import prepare as module
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.shards import unfinished_path
from styleclip.stylespace.table_preparation import Preparation
from styleclip.stylespace.table_shards import TableShard
from tests.helpers.files import load_tiny_models
from tests.helpers.tiny import TINY

FEW = Preparation(images=3, samples=50)
SMALL = ("--method", "exact", "--images", "3", "--num-latents", "50")  # the same on the command line
LAYOUT = StyleLayout.from_channels(TINY.channels)


def table(files: tuple[Path, Path], path: Path | None = None) -> RelevanceTable:
    """The table that an editor finds, or the one at `path`."""
    found = styleclip.load(str(files[0]), clip=files[1], relevance=path).relevance()
    assert found is not None
    return found


def table_columns(table: RelevanceTable) -> list[Tensor]:
    assert table.statistics and table.effect is not None and table.error is not None
    return [table.delta_i, table.effect, table.error, table.statistics.mean, table.statistics.std]


def assert_same_table(found: RelevanceTable, expected: RelevanceTable, tolerance: float = 0.0) -> None:
    for one, other in zip(table_columns(found), table_columns(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def prepare_with_kills(folder: str) -> None:
    """Prepare a table undisturbed, and killed at random moments. Prints the number of kills, and of those midway."""
    torch.set_num_threads(1)
    models = load_tiny_models(Path(folder), torch.float32)
    module.SAVE_EVERY = 0.0
    path, moments = Path(folder) / "table.safetensors", random.Random(0)
    took = _prepare_in_child(models, path.with_name("whole.safetensors")) or 0.0
    kills = midway = 0
    while kills < 5:
        if _prepare_in_child(models, path, moments.uniform(0, took)) is not None:
            path.unlink()  # it was done before the kill
            continue
        unfinished = unfinished_path(path, (1, 1))
        kills += 1
        midway += unfinished.exists() and 0 < len(TableShard.load(unfinished).rows) < LAYOUT.size
    _prepare_in_child(models, path)
    print(kills, midway)


def _prepare_in_child(models: Models, path: Path, patience: float | None = None) -> float | None:
    """The seconds that a child took to make the table, or None when it was killed before the end."""
    started = time.monotonic()
    if not (child := os.fork()):
        prepare(models, FEW, path, on_step=lambda _: time.sleep(0.01))
        os._exit(0)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else time.monotonic() - started
