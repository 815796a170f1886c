"""Tables in shards: `styleclip prepare --shard`, `--merge` and torchrun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result

from styleclip.errors import UsageError
from styleclip.runtime.devices import DistributedWarning
from styleclip.stylespace.shards import process_shard
from styleclip.weights.catalog import home
from tests.helpers.preparation import SMALL, assert_same_table, table
from tests.helpers.support import done, failed

Run = Callable[..., Result]


def torchrun(monkeypatch: pytest.MonkeyPatch, rank: int, count: int) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", count), ("LOCAL_RANK", rank), ("TORCHELASTIC_RUN_ID", "1")):
        monkeypatch.setenv(name, str(value))


def test_shards(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    done(run(*SMALL, "--out", "whole.safetensors"))
    paths = [done(run(*SMALL, "--shard", f"{i}/2", "--out", "t.safetensors")).stdout.splitlines()[0] for i in (1, 2)]
    assert paths == ["t.shard-1-of-2.safetensors", "t.shard-2-of-2.safetensors"]
    merged = done(run("--merge", "--out", "t.safetensors"))
    assert merged.stdout.splitlines()[0] == "t.safetensors" and "The shards stay" in merged.stderr
    assert_same_table(table(files, tmp_path / "t.safetensors"), table(files, tmp_path / "whole.safetensors"), 1e-3)
    failed(run("--merge", "--out", "t.safetensors"), 1, "t.safetensors exists; pass --overwrite")
    (tmp_path / paths[0]).unlink()
    failed(
        run("--merge", "--out", "t.safetensors", "--overwrite"), 1, "1 of 2 shards of t.safetensors are missing (1/2)"
    )


def test_shards_in_the_cache(run: Run, files: tuple[Path, Path]) -> None:
    for i in (1, 2):
        done(run(*SMALL, "--shard", f"{i}/2"))
    path = done(run("--merge", "--method", "exact")).stdout.splitlines()[0]
    assert Path(path).parent == home() / "relevance" and table(files).has_row.all()


def test_torchrun(run: Run, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for rank in (2, 0, 1):
        torchrun(monkeypatch, rank, 3)
        paths.append(done(run(*SMALL, "--out", "t.safetensors")).stdout.splitlines()[0])
    assert paths == ["t.shard-3-of-3.safetensors", "t.shard-1-of-3.safetensors", "t.safetensors"]
    assert table(files, tmp_path / "t.safetensors").has_row.all()
    assert done(run(*SMALL, "--out", "t.safetensors")).stderr == "It was made before, with these settings\n"
    failed(run(*SMALL, "--shard", "1/3", "--out", "t.safetensors"), 2, "torchrun says which shard this is")
    failed(run("--method", "gradient", "--out", "u.safetensors"), 2, "leave out the shards")


def test_torchrun_does_not_join_old_shards(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torchrun(monkeypatch, 1, 2)
    done(run("--method", "exact", "--images", "2", "--num-latents", "50", "--out", "t.safetensors"))
    torchrun(monkeypatch, 0, 2)
    done(run(*SMALL, "--out", "t.safetensors"))
    assert not (tmp_path / "t.safetensors").exists()


def test_torchrun_says_where_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1"), ("TORCHELASTIC_RUN_ID", "1")):
        monkeypatch.setenv(name, value)
    assert process_shard(None, "auto") == ((6, 8), "cuda:1") and process_shard(None, "cpu") == ((6, 8), "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert process_shard(None, "auto") == ((6, 8), "auto")
    monkeypatch.delenv("RANK")
    with pytest.warns(DistributedWarning, match="WORLD_SIZE=8, but no RANK, so it is ignored"):
        assert process_shard(None, "auto") == ((1, 1), "auto")
    monkeypatch.delenv("WORLD_SIZE")
    assert process_shard("2/3", "cuda") == ((2, 3), "cuda")
    with pytest.raises(UsageError, match="'4/3' is no shard; write 2/4 for the second of four"):
        process_shard("4/3", "cpu")
