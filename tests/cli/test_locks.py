"""Two commands into one folder or file: the second is refused at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result

from styleclip.storage.locks import output_lock
from tests.helpers.support import done, failed

Run = Callable[..., Result]
PROMPT = ("--prompt", "a smile")


@contextmanager
def held_elsewhere(target: Path, is_folder: bool) -> Iterator[None]:
    """The lock of an output, held by another thread as another process would."""
    taken, released = threading.Event(), threading.Event()

    def hold() -> None:
        with output_lock(target, is_folder):
            taken.set()
            released.wait(60)

    thread = threading.Thread(target=hold)
    (target if is_folder else target.parent).mkdir(parents=True, exist_ok=True)
    thread.start()
    taken.wait(60)
    try:
        yield
    finally:
        released.set()
        thread.join()


@pytest.mark.parametrize(
    ("words", "target", "is_folder"),
    [
        (("optimize", *PROMPT), "styleclip-out/a-smile", True),
        (("optimize", *PROMPT, "--overwrite", "--out", "out"), "out", True),
        (("sample",), "styleclip-out/samples", True),
        (("sample", "--out", "."), ".", True),
        (("evaluate",), "styleclip-out/evaluation", True),
        (("train-mapper", *PROMPT), "styleclip-out/mappers/a-smile.safetensors", False),
        (("train-mapper", *PROMPT, "--resume", "--out", "m.safetensors"), "m.training", True),
        (("train-encoder", "--overwrite", "--out", "e.safetensors"), "e.safetensors", False),
        (("train-encoder", "--out", "e.safetensors", "--folder", "runs"), "runs", True),
    ],
)
def test_the_second_is_refused(run: Run, tmp_path: Path, words: tuple[str, ...], target: str, is_folder: bool) -> None:
    with held_elsewhere(tmp_path / target, is_folder):
        failed(run(*words), 1, "is being written by another styleclip (process ", "choose another --out")


def test_a_folder_is_free_after_the_command(run: Run, tmp_path: Path) -> None:
    done(run("optimize", *PROMPT, "--out", "out"))
    failed(run("optimize", *PROMPT, "--out", "out"), 1, "already holds results")
    done(run("optimize", *PROMPT, "--seeds", "0-1", "--video", "--save-every", "1", "--overwrite", "--out", "out"))
    lines = done(run("optimize", *PROMPT, "--overwrite", "--out", "out")).stdout.splitlines()
    assert {tmp_path / line for line in lines} == set((tmp_path / "out").iterdir())
    assert not list(tmp_path.rglob(".*"))
