"""`styleclip adapt`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import styleclip
from styleclip.progress import Step
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed

WORDS = ("--target", "a face with red hair", "--steps", 2, "--layer-share", 1, "--preview-every", 0)


@pytest.fixture
def models_of_files(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The options for the tiny models, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return ["--model", files[0], "--clip", files[1]]


def test_the_child_loads_as_a_generator(models_of_files: list[object], files: tuple[Path, Path]) -> None:
    words = ("adapt", *WORDS, *models_of_files, "--other-clip", f"{files[1]}=0.5")
    result = done(invoke(*words))
    path = Path("styleclip-out/adapted/a-face-with-red-hair.safetensors")
    first, folder, summary = result.stdout.splitlines()
    assert (Path(first), Path(folder)) == (path, path.with_suffix(".training"))
    assert summary.startswith("a face with red hair: CLIP is ") and summary.endswith("; 2 of 2 steps kept")
    record = json.loads(done(invoke(*words, "--resume", "--json")).stdout)
    assert record["other_clips"] == [{"name": "tiny", "weight": 0.5}]
    assert record["source"] == "a face"
    child = styleclip.load(str(path), clip=files[1], identity="none", amount=0)
    assert child.generator_fingerprint == record["generator"]
    failed(invoke(*words), 1, "exists; pass --overwrite")


def test_ctrl_c_keeps_the_child(models_of_files: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar:
        def __init__(self, *_: object) -> None:
            self.last = 0

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...

        def __call__(self, step: Step) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("styleclip.cli.commands.adapt.EtaProgress", Bar)
    result = invoke("adapt", *WORDS, *models_of_files, "--out", "child.safetensors")
    assert result.exit_code == 130
    assert result.stdout.splitlines()[0] == "child.safetensors"
    assert "child.safetensors is what was reached" in result.stderr and "--resume goes on" in result.stderr
    assert styleclip.load_generator("child.safetensors").num_ws == 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--out", "child.pt"), "name a file that ends with .safetensors"),
        (("--other-clip", "clip.safetensors=-1"), "a weight of 0 or more"),
        (("--source", "..."), "a text has no words"),
    ],
)
def test_bad_usage(models_of_files: list[object], words: tuple[str, ...], sentence: str) -> None:
    failed(invoke("adapt", *WORDS, *models_of_files, *words), 2, sentence)
