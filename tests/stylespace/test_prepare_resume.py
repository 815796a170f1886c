"""An interrupted preparation: resumed after any kill, refused for other settings, and saved on the way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from styleclip.errors import OutputError, WeightError
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.stylespace import prepare as module
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.shards import unfinished_path
from styleclip.stylespace.table_shards import TableShard
from tests.helpers.files import tensor_content, tiny_files, with_other_generator
from tests.helpers.preparation import FEW, LAYOUT, assert_same_table
from tests.helpers.support import is_one_sentence, run_python
from tests.helpers.tiny import tiny_clip
from tests.helpers.unfinished_tables import GROUPS, StoppedAfter, leave_unfinished, models, path

__all__ = ["models", "path"]  # fixtures


def test_what_is_done_is_not_done_again(models: Models, path: Path, tmp_path: Path) -> None:
    whole = prepare(models, FEW, tmp_path / "whole.safetensors")
    leave_unfinished(models, path, groups=3)
    kept = TableShard.load(unfinished_path(path, (1, 1)))
    assert 0 < len(kept.rows) < LAYOUT.size and not path.exists()
    again = StoppedAfter()
    table = prepare(models, FEW, path, on_step=again)
    assert len(again.steps) == GROUPS - 3
    assert [step.index for step in again.steps][-1] == again.steps[0].total == LAYOUT.size
    assert sum(step.values["renders"] for step in again.steps[-1:]) == 2 * 3 * (LAYOUT.size - len(kept.rows))
    assert_same_table(table, whole)
    assert tensor_content(path) == tensor_content(tmp_path / "whole.safetensors")
    assert not unfinished_path(path, (1, 1)).exists()


def test_killed_at_any_moment(tmp_path: Path, python: list[str]) -> None:
    """SIGKILL, again and again, in a process of its own; the table is the same to the last bit."""
    tiny_files(tmp_path)
    code = f"from tests.helpers.preparation import prepare_with_kills; prepare_with_kills({str(tmp_path)!r})"
    ran = run_python("-c", code, python=python)
    assert ran.returncode == 0, ran.stderr
    kills, midway = map(int, ran.stdout.split())
    assert kills == 5 and midway >= 1, "no kill came in the middle"
    names = ["clip.safetensors", "generator.safetensors", "table.safetensors", "whole.safetensors"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == names
    assert tensor_content(tmp_path / "table.safetensors") == tensor_content(tmp_path / "whole.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": 4}, "with images 3, not 4"),
        ({"samples": 51}, "with samples 50, not 51"),
        ({"seed": 6}, "with seed 5, not 6"),
        ({"psi": 0.8}, "with psi 0.7, not 0.8"),
        ({"cutoff": 8}, "with cutoff None, not 8"),
        ({"sigmas": 4.0}, "with sigmas 5.0, not 4.0"),
        ({"torgb": False}, "with torgb True, not False"),
        ({"method": "official"}, "with method exact, not official"),
    ],
)
def test_other_settings_do_not_go_on(models: Models, path: Path, changes: dict[str, Any], words: str) -> None:
    leave_unfinished(models, path, groups=1)
    before = unfinished_path(path, (1, 1)).read_bytes()
    with pytest.raises(WeightError, match=re.escape(words) + ".*pass --restart") as caught:
        prepare(models, replace(FEW, **changes), path)
    assert is_one_sentence(caught.value)
    assert unfinished_path(path, (1, 1)).read_bytes() == before


def other_clip(models: Models) -> Models:
    return replace(models, clip=tiny_clip(seed=5).double())


@pytest.mark.parametrize(
    ("change", "words"), [(with_other_generator, "for another generator"), (other_clip, "for another CLIP")]
)
def test_other_networks_do_not_go_on(
    models: Models, path: Path, change: Callable[[Models], Models], words: str
) -> None:
    leave_unfinished(models, path, groups=1)
    with pytest.raises(WeightError, match=f"was begun {words}; finish that, or pass --restart"):
        prepare(change(models), FEW, path)
    prepare(models, FEW, path)
    with pytest.raises(OutputError, match=f"exists and was made {words}; pass --overwrite or another --out"):
        prepare(change(models), FEW, path)


def test_begin_again(models: Models, path: Path) -> None:
    leave_unfinished(models, path)
    unfinished_path(path, (1, 1)).write_bytes(b"torn")
    with pytest.raises(WeightError, match="cannot be read; pass --restart to begin again"):
        prepare(models, FEW, path)
    watch = StoppedAfter()
    prepare(models, FEW, path, resume=False, on_step=watch)
    assert len(watch.steps) == GROUPS and not unfinished_path(path, (1, 1)).exists()


def test_another_batch_size_may_go_on(models: Models, path: Path, tmp_path: Path) -> None:
    leave_unfinished(models, path)
    table = prepare(models, FEW, path, batch_size=3)
    assert_same_table(table, prepare(models, FEW, tmp_path / "other.safetensors"), 1e-5)


def test_it_is_saved_on_the_way(models: Models, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    kept: list[int] = []

    def look(step: Step) -> None:
        unfinished = unfinished_path(path, (1, 1))
        kept.append(len(TableShard.load(unfinished).rows) if unfinished.exists() else 0)

    prepare(models, FEW, path, on_step=look)
    assert kept[0] == 0 and sorted(set(kept)) == kept and len(kept) == GROUPS


def test_what_a_kill_tore_is_swept_away(models: Models, path: Path) -> None:
    torn = path.with_name(".styleclip-0123456789abcdef.tmp.safetensors")
    others = [path.with_name(name) for name in (".table.part-1-of-2.4711.safetensors", ".table.part-1-of-1.lock")]
    for file in (torn, *others):
        file.write_bytes(b"")
    prepare(models, FEW, path)
    assert sorted(path.parent.iterdir()) == sorted([path, *others])


def test_a_full_disk(models: Models, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_unfinished(models, path)
    before = unfinished_path(path, (1, 1)).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="the disk is full; free some space"):
            prepare(models, FEW, path)
    assert unfinished_path(path, (1, 1)).read_bytes() == before and len(list(path.parent.iterdir())) == 1
    prepare(models, FEW, path)
