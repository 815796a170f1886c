"""A method of one file and one line of METHODS: its command and options, `evaluate --editor` and the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import Result

from styleclip.editor import Editor
from styleclip.latents import Latent
from styleclip.methods import METHODS, MethodEntry
from styleclip.models import Models
from tests.helpers.average_method import Average
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed, run_python

ENTRY = MethodEntry("tests.helpers.average_method", "Average")
PROMPT = "a face with red hair"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(METHODS, "average", ENTRY)
    monkeypatch.chdir(tmp_path)


def call(*arguments: object) -> Result:
    return invoke(*arguments)


def test_its_settings_are_its_options() -> None:
    text = done(call("average", "--help")).stdout
    assert "Move every face towards the average face" in text and "Args:" not in text
    assert "--share F" in text and "[default: 0.5]" in text and "--image" in text
    assert "average" in done(call("--help")).stdout


def test_it_edits(files: tuple[Path, Path], models: Models) -> None:
    networks = ("--model", files[0], "--clip", files[1])
    done(call("average", *networks, "--prompt", PROMPT, "--seeds", "1-2", "--share", "0.25", "--out", "out", "--quiet"))
    record = json.loads(Path("out/result.json").read_text())
    assert record["method"] == "average" and record["settings"] == {"share": 0.25}
    assert record["provenance"]["source"]["seeds"] == [1, 2]
    expected = Editor(models).edit(Editor(models).sample(seeds=(1, 2)), PROMPT, Average(0.25))
    assert torch.equal(Latent.load(Path("out/latent.safetensors")).data, expected.edited.data)
    failed(call("average", *networks, "--prompt", PROMPT, "--share", "2"), 2, "share")


@pytest.mark.parametrize(
    ("texts", "recorded"), [((), "a face"), (("hair",), "hair"), (("hair", "a face"), ["hair", "a face"])]
)
def test_neutral_is_given_any_number_of_times(
    files: tuple[Path, Path], texts: tuple[str, ...], recorded: object
) -> None:
    neutrals = [part for text in texts for part in ("--neutral", text)]
    done(
        call(
            "average", "--model", files[0], "--clip", files[1], "--prompt", PROMPT, *neutrals, "--out", "out", "--quiet"
        )
    )
    assert json.loads(Path("out/result.json").read_text())["neutral"] == recorded


def test_the_front_door_and_evaluate_know_it() -> None:
    """In a process that registers it before anything else, as a line of METHODS does."""
    script = (
        "import sys; from styleclip.methods import METHODS, MethodEntry\n"
        f"METHODS['average'] = MethodEntry({ENTRY.module!r}, {ENTRY.class_name!r})\n"
        "import importlib, styleclip; importlib.reload(styleclip)\n"
        "assert styleclip.Average.name == 'average' and 'Average' in styleclip.__all__\n"
        "assert 'torch' not in sys.modules\n"
        "from styleclip.cli import main; main(['evaluate', '--help'], prog_name='styleclip')\n"
    )
    result = run_python("-c", script)
    assert "optimizeorglobal-diroraverage" in "".join(result.stdout.split()), result.stderr
