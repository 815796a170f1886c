"""Wrong usage and full disks in `styleclip prepare`."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.helpers.preparation import SMALL
from tests.helpers.support import failed

Run = Callable[..., Result]


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
