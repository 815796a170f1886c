"""`styleclip models pull`: the licence, the download and its interruption."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from styleclip.cli.output.progress import fetch_with_progress
from styleclip.weights.catalog import Weight, weight, weights
from tests.helpers.models_command import done, run
from tests.helpers.support import failed


def test_the_licence_comes_before_the_download_and_the_path_alone_on_stdout(known: Weight, cache: Path) -> None:
    first = run("pull", "tiny", "demo")
    assert first.stdout.splitlines() == [str(cache / "tiny.safetensors"), str(weight("demo").path)]
    assert first.stderr == "Fetching tiny (a tiny generator)\nLicence: yours, if you like it\n"
    second = run("pull", "tiny", "--offline")
    assert (second.stdout, second.stderr) == (f"{cache / 'tiny.safetensors'}\n", ""), "it is here already"
    [record] = json.loads(done("pull", "tiny", "--json"))
    assert record["path"] == str(known.path) and record["present"] and record["licence"] == known.licence


def test_the_licence_is_shown_before_a_download_that_fails(known: Weight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights(), "tiny", replace(known, urls=(known.urls[0] + ".gone",)))
    result = run("pull", "tiny", "--quiet")
    failed(result, 1, "cannot download tiny (127.0.0.1:", "HTTP 404", "licence: yours")
    assert result.stderr.splitlines()[1] == "Licence: yours, if you like it"


def test_a_url(known: Weight, cache: Path) -> None:
    result = run("pull", known.urls[0])
    [path] = result.stdout.splitlines()
    assert Path(path).parent == cache and path.endswith("-tiny.safetensors")
    assert result.stderr == f"Fetching {known.urls[0]}\nLicence: unknown, ask its author\n"
    assert done("inspect", known.urls[0]).startswith(Path(path).name)


def test_names_that_are_unknown_or_missing(cache: Path) -> None:
    failed(run("pull", "demo", "fhq"), 1, "no weight is called 'fhq'; the closest are ffhq, ")
    failed(run("pull"), 2, "Missing argument 'NAME...'")
    failed(run("pull", "ffhq", "--offline"), 1, "download https://nvlabs", f"to {cache / 'ffhq.pkl'} (licence: NVIDIA")
    failed(run("fetch"), 2, "No such command 'fetch'")


def test_an_interrupted_download_says_that_it_goes_on(
    known: Weight, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(url: str, partial: Path, *_: object) -> None:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("styleclip.weights.cache.download", interrupted)
    result = run("pull", "tiny")
    assert (result.exit_code, result.stdout) == (130, "")
    assert (
        result.stderr.splitlines()[-1] == "Interrupted; what has come is kept, and the same command goes on from there"
    )
    assert (cache / "tiny.safetensors.partial").exists() and not known.path.exists()


def test_the_bar_does_not_run_into_the_licence(known: Weight, monkeypatch: pytest.MonkeyPatch) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    with open(slave, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        fetch_with_progress(known)
    screen = os.read(master, 100_000).decode()
    os.close(master)
    assert "\rFetching tiny (a tiny generator)\r\nLicence: yours, if you like it\r\n" in screen
    assert re.search(r"tiny\.safetensors: .*B/s", screen)
