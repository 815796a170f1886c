"""`styleclip prepare` on the command line: what it writes and prints, torchrun, and one sentence for what is wrong."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.cli.output.progress import EtaProgress
from styleclip.errors import UsageError
from styleclip.relevance_table import RelevanceTable
from styleclip.stylespace.shards import process_shard
from styleclip.units import human_number, human_time
from styleclip.weights.catalog import home
from tests.helpers.files import tensor_content
from tests.helpers.preparation import LAYOUT, assert_same_table
from tests.helpers.support import done, failed, run_python

Run = Callable[..., Result]
SMALL = ("--images", "3", "--num-latents", "50")


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip prepare` on the tiny models, in an empty folder and with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    for name in ("STYLECLIP_DEBUG", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    words = ["prepare", "--model", str(files[0]), "--clip", str(files[1])]
    return lambda *more: CliRunner().invoke(main, [*words, *map(str, more)], prog_name="styleclip")


def table(files: tuple[Path, Path], path: Path | None = None) -> RelevanceTable:
    """The table that an editor finds, or the one at `path`."""
    found = styleclip.load(str(files[0]), clip=files[1], relevance=path).relevance()
    assert found is not None
    return found


def torchrun(monkeypatch: pytest.MonkeyPatch, rank: int, count: int) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", count), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, str(value))


# --- the table


def test_the_editors_find_it(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    assert styleclip.load(str(files[0]), clip=files[1]).relevance() is None
    result = done(run(*SMALL))
    path, renders, error = result.stdout.splitlines()
    assert Path(path).parent == home() / "relevance" == tmp_path / "cache" / "relevance" and result.stderr == ""
    assert renders.startswith(f"{2 * 3 * LAYOUT.size} renders in ") and renders.endswith(" a second")
    found = table(files)
    assert found.error is not None and found.about["images"] == 3
    median, most = np.percentile(found.error.numpy(), [50, 90])
    assert error == (
        f"Standard error of a row: median {median:.2f}, 90th percentile {most:.2f}; 12 images would halve it"
    )


def test_a_record_for_machines(run: Run, tmp_path: Path) -> None:
    options = ("--psi", "0.5", "--truncate", "coarse", "--seed", "7", "--no-torgb", "--batch-size", "4")
    record = json.loads(done(run(*SMALL, *options, "--out", "new/t.safetensors", "--json")).stdout)
    assert record["files"] == ["new/t.safetensors"] and (tmp_path / "new" / "t.safetensors").is_file()
    assert (record["psi"], record["cutoff"], record["seed"], record["torgb"]) == (0.5, 8, 7, False)
    convolutions = int((~LAYOUT.torgb_mask()).sum())
    assert (record["rows"], record["renders"]) == (convolutions, 2 * 3 * convolutions)
    assert record["renders_per_second"] == pytest.approx(record["renders"] / record["seconds"])
    assert 0 < record["error"]["median"] <= record["error"]["percentile_90"]


@pytest.mark.parametrize(("method", "renders"), [("official", 2 * 3), ("gradient", 3)])
def test_the_other_methods(run: Run, files: tuple[Path, Path], method: str, renders: int) -> None:
    record = json.loads(done(run(*SMALL, "--method", method, "--json")).stdout)
    found = table(files)
    count = int((~LAYOUT.torgb_mask()).sum()) if method == "official" else 1
    assert record["renders"] == renders * count and found.about["method"] == method
    assert bool(found.delta_i[LAYOUT.torgb_mask()].any()) == (method == "gradient")


def test_inspect(run: Run, tmp_path: Path) -> None:
    done(run(*SMALL, "--out", "t.safetensors"))
    result = CliRunner().invoke(main, ["models", "inspect", "t.safetensors"], prog_name="styleclip")
    shown = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith("  "))
    assert (shown["method"], shown["images"], shown["seed"], shown["clip"]) == ("exact", "3", "5", "tiny")
    assert len(shown["generator"]) == 64


def test_once_is_enough(run: Run, tmp_path: Path) -> None:
    done(run(*SMALL, "--out", "t.safetensors"))
    before = (tmp_path / "t.safetensors").stat().st_mtime_ns
    again = done(run(*SMALL, "--out", "t.safetensors"))
    assert again.stdout.splitlines()[0] == "t.safetensors" and len(again.stdout.splitlines()) == 2
    assert again.stderr == "It was made before, with these settings\n"
    failed(
        run("--images", "2", "--num-latents", "50", "--out", "t.safetensors"), 1, "with images 3, not 2", "--overwrite"
    )
    assert (tmp_path / "t.safetensors").stat().st_mtime_ns == before
    done(run("--images", "2", "--num-latents", "50", "--out", "t.safetensors", "--overwrite"))


def test_ctrl_c(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(run(*SMALL, "--out", "whole.safetensors"))
    seen: list[int] = []
    show_eta = EtaProgress.show_eta

    def interrupt(self: EtaProgress, channels: int, total: int, left: float, values: Any = None) -> None:
        seen.append(channels)
        if len(seen) == 3:
            raise KeyboardInterrupt
        show_eta(self, channels, total, left, values)

    monkeypatch.setattr(EtaProgress, "show_eta", interrupt)
    result = run(*SMALL, "--out", "t.safetensors")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted; what is done is kept, and the same command goes on from there\n"
    failed(run("--images", "2", "--out", "t.safetensors"), 1, "was begun with images 3, not 2", "--restart")
    done(run(*SMALL, "--out", "t.safetensors"))
    assert len(seen) == len(LAYOUT.entries)
    assert tensor_content(tmp_path / "t.safetensors") == tensor_content(tmp_path / "whole.safetensors")


def test_restart(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.part-1-of-1.safetensors").write_bytes(b"torn")
    failed(run(*SMALL, "--out", "t.safetensors"), 1, "cannot be read; pass --restart to begin again")
    done(run(*SMALL, "--out", "t.safetensors", "--restart"))
    assert [file.name for file in tmp_path.iterdir()] == ["t.safetensors"]


# --- shards


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
    path = done(run("--merge")).stdout.splitlines()[0]
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
    done(run("--images", "2", "--num-latents", "50", "--out", "t.safetensors"))
    torchrun(monkeypatch, 0, 2)
    done(run(*SMALL, "--out", "t.safetensors"))
    assert not (tmp_path / "t.safetensors").exists()


def test_torchrun_says_where_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert process_shard(None, "auto") == ((6, 8), "cuda:1") and process_shard(None, "cpu") == ((6, 8), "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert process_shard(None, "auto") == ((6, 8), "auto")
    monkeypatch.delenv("RANK")
    assert process_shard(None, "auto") == ((1, 1), "auto") and process_shard("2/3", "cuda") == ((2, 3), "cuda")
    with pytest.raises(UsageError, match="'4/3' is no shard; write 2/4 for the second of four"):
        process_shard("4/3", "cpu")


# --- what is wrong


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--images", "0"), 2, "--images"),
        (("--num-latents", "1"), 2, "--num-latents"),
        (("--psi", "nan"), 2, "nan is not a finite number"),
        (("--truncate", "fine"), 2, "'fine' is not one of"),
        (("--seed", str(2**32)), 2, "--seed"),
        (("--method", "best"), 2, "'best' is not one of"),
        (("--shard", "0/2"), 2, "'0/2' is no shard; write 2/4 for the second of four"),
        (("--shard", "3/2"), 2, "'3/2' is no shard"),
        (("--shard", "half"), 2, "'half' is no shard"),
        (("--shard", "1/2", "--merge"), 2, "--merge joins all shards; leave out --shard"),
        (("--shard", "1/2", "--method", "gradient"), 2, "leave out the shards"),
        (("--out", "."), 2, "is a directory"),
        (("--merge",), 1, "no shard lies beside"),
        (("--model", "nobody"), 1, "'nobody' is neither a model nor a file nor a URL"),
        (("--out", "file/t.safetensors"), 1, "a file of that name is in the way"),
        (("--device", "cuda:99"), 2, "device"),
    ],
)
def test_one_sentence_each(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "file").write_text("")
    failed(run(*SMALL, *arguments), code, words)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_full_disk(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    failed(run(*SMALL, "--out", "t.safetensors"), 1, "the disk is full; free some space")
    assert not list(tmp_path.iterdir())


def test_the_folder_is_checked_before_the_models_are_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed(run("--model", "nobody", "--out", "file/t.safetensors"), 1, "a file of that name is in the way")


# --- progress


def test_lines_where_there_is_no_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EtaProgress, "LINE_EVERY", 0.0)
    lines = done(run(*SMALL, "--out", "a.safetensors")).stderr.splitlines()
    assert len(lines) == len(LAYOUT.entries) and all(line.startswith("prepare: ") for line in lines)
    assert lines[-1] == f"prepare: {LAYOUT.size} of {LAYOUT.size}, 0 s left"
    assert done(run(*SMALL, "--out", "b.safetensors", "--quiet")).stderr == ""
    monkeypatch.setattr(EtaProgress, "LINE_EVERY", 30.0)
    assert done(run(*SMALL, "--out", "c.safetensors")).stderr == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (184, "3 min 04 s"),
        (7384, "2 h 03 min"),
        (5e5, "138 h 53 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert human_time(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0.23984, "0.24"), (73.42, "73.4"), (99.97, "100"), (2021.7, "2,022")])
def test_numbers(number: float, words: str) -> None:
    assert human_number(number) == words


def test_help_needs_no_torch() -> None:
    ran = run_python("-c", "import sys, styleclip.cli.commands.prepare; sys.exit('torch' in sys.modules)")
    assert ran.returncode == 0, ran.stderr
    shown = CliRunner().invoke(main, ["prepare", "--help"], prog_name="styleclip").stdout
    assert "--out FILE" in shown and "--num-latents N" in shown and "--merge" in shown
