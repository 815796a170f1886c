"""docs/extending.md: its files and lines are put into a copy of the package, and every block of the page runs there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from styleclip.alignment.framing import Framing, Landmarks
from styleclip.weights.catalog import catalog
from styleclip.weights.load import load_generator
from tests.helpers.photos import astronaut
from tests.helpers.support import ROOT, environment
from tests.helpers.tiny import tiny_generator

PAGE = (ROOT / "docs" / "extending.md").read_text()
SECTIONS = dict(re.findall(r"^## A new (\w+ ?\w*)$(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
BLOCK = re.compile(r"(?:^`(?P<path>styleclip/\S+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```", re.M | re.S)
MAX_EDITOR_LINES = 40
FEWER = {  # options of commands that rank 200 samples for each face
    "styleclip top-samples --prompt": "--samples 50",
    "styleclip evaluate --editor top-samples": "--setting samples=20",
}


class Block(NamedTuple):
    """A block of the page, and the file of the package that it is or changes; "" for one that runs."""

    path: str
    language: str
    text: str


def blocks(section: str) -> Iterator[Block]:
    """The blocks in order; a diff without a path changes the file of the block before it."""
    path = ""
    for found in BLOCK.finditer(SECTIONS[section]):
        path = found["path"] or (path if found["language"] == "diff" else "")
        yield Block(path, found["language"], found["text"])


def apply_diff(text: str, diff: str) -> str:
    """Add the lines with + below the unchanged lines before them, which have to be in the text once."""
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line.startswith(" "))
    after = "".join(f"{line[1:]}\n" for line in lines)
    assert text.count(before) == 1, f"this is not in the file once:\n{before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of styleclip that has all that the page adds."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "styleclip", folder / "styleclip")  # with the bytecode that is there
    for name in ("cuda_ops", "checkpoints"):
        (folder / name).symlink_to(ROOT / name)
    for section in SECTIONS:
        for block in blocks(section):
            path = folder / block.path
            if block.path:
                path.write_text(apply_diff(path.read_text(), block.text) if block.language == "diff" else block.text)
    return folder


def shorten(commands: str) -> str:
    """The lines with the options of FEWER."""
    for start, options in FEWER.items():
        commands = re.sub(rf"^{start}.*", rf"\g<0> {options}", commands, flags=re.M)
    return commands


def run_section(section: str, package: Path, folder: Path, python: list[str]) -> str:
    """Run the commands and the Python of a section in `folder`; returns all that they print."""
    words = f'styleclip() {{ {shlex.join(python)} -m styleclip "$@"; }}'
    env = environment(STYLECLIP_HOME=str(folder / "cache"))
    env["PYTHONPATH"] = f"{package}:{env['PYTHONPATH']}"
    printed = []
    for block in blocks(section):
        if not block.path:
            shell = ["bash", "-euo", "pipefail", "-c", f"{words}\n{shorten(block.text)}"]
            command = shell if block.language == "sh" else [*python, "-c", block.text]
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
            printed.append(done.stdout)
    return "\n".join(printed)


def test_an_editor(package: Path, tmp_path: Path, python: list[str]) -> None:
    [code] = [block.text for block in blocks("editor") if block.path and block.language == "python"]
    assert len(code.splitlines()) <= MAX_EDITOR_LINES
    printed = run_section("editor", package, tmp_path, python)
    usage, *_ = printed.split("smiling/")
    for option in ("--strength F", "--samples N", "--neutral TEXT", "--seeds LIST", "--image PHOTO", "--model NAME"):
        assert option in usage
    assert "Random seed of the samples" not in usage, "this setting has no option"
    assert "Move faces by the difference between the samples" in usage
    record = json.loads((tmp_path / "smiling" / "result.json").read_text())
    assert record["method"] == "top-samples" and record["settings"] == {"strength": 1.5, "samples": 50, "seed": 0}
    assert np.mean([score["clip_after"] - score["clip_before"] for score in record["scores"]]) > 0.01
    report = json.loads((tmp_path / "evaluation" / "report.json").read_text())
    assert report["method"] == "top-samples" and [row["prompt"] for row in report["prompts"]] == ["a smiling face"]
    assert "'clip_after'" in printed


def test_a_checkpoint_format(package: Path, tmp_path: Path, python: list[str]) -> None:
    """The tensors in our names and layout are those of the generator whose file it was, to the bit."""
    state = tiny_generator().state_dict()
    theirs = {name.replace(".", "/"): tensor.T if tensor.ndim == 2 else tensor for name, tensor in state.items()}
    torch.save({"gan": {"ema": theirs}, "step": 7}, tmp_path / "gan.pt")
    printed = run_section("checkpoint format", package, tmp_path, python)
    assert "train_gan.py" in printed and printed.endswith("16\n")
    converted = load_generator(tmp_path / "gan.safetensors").state_dict()
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], tensor) for name, tensor in state.items())


def test_a_face_detector(package: Path, tmp_path: Path, python: list[str]) -> None:
    astronaut().resize((400, 500)).save(tmp_path / "passport.png")
    printed = run_section("face detector", package, tmp_path, python)
    points = np.array([(0.38, 0.45), (0.62, 0.45), (0.5, 0.58), (0.41, 0.68), (0.59, 0.68)]) * (400, 500)
    expected = Framing(**catalog()["models"]["demo"]["align"]).quad(Landmarks.from_five(points))
    quad = json.loads((tmp_path / "person" / "result.json").read_text())["quad"]
    np.testing.assert_allclose(quad, expected)
    assert re.search(r"ok +passport +no network", printed)
    assert str(np.array(quad)) in printed
