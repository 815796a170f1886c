"""The README is executed: its commands and Python run as they stand, in order, in one empty folder.

A block below `<!-- not tested: why -->` is left out. `FEWER` shortens some commands. The studio is ended by
Ctrl-C once it answers. `pip install` lines are checked against pyproject.toml, `pytest` against `.ci/run`; neither is
run again.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.studio_server import START
from tests.helpers.commands import last_values
from tests.helpers.support import ROOT, environment

README = ROOT / "README.md"
BLOCK = re.compile(
    r"(?P<skip><!-- not tested: [^\n]+ -->\n+)?^```(?P<language>sh|python)\n(?P<text>.*?)^```", re.M | re.S
)
FEWER = {  # options of commands that take seconds; other tests let them run to the end
    'styleclip optimize --prompt "a smiling face" --seeds': "--steps 2",
    'styleclip optimize --prompt "a bearded man" --latent': "--steps 2",
    'styleclip optimize --prompt "blue hair': "--steps 2",
    "styleclip invert docs/photo.jpg": "--refine 2",
    'styleclip global-dir --prompt "a woman with red hair"': "--seeds 0,1",
    'styleclip global-dir --prompt "an old man with glasses"': "--seeds 0,1",
    "styleclip global-dir --direction": "--seeds 4,5",
    "styleclip map --mapper demo-surprised": "--seeds 0,1",
    "styleclip optimize --latent person": "--steps 2",
    "styleclip train-mapper": "--num-latents 99 --held-out 9 --warm-start 3 --steps 3 --evaluate-every 3",
    "styleclip adapt": "--steps 2",
    "styleclip stylize docs/portrait.jpg": "--steps 2",
    "styleclip sketch": "--steps 2 --restarts 1 --strokes 4",
    "styleclip draw": "--steps 2 --strokes 4",
    "styleclip evaluate --seeds": "--setting steps=2 --seeds 0,1",
    "styleclip direction show": "--faces 4",
}


class Snippet(NamedTuple):
    """A command or a Python block, with the line of the README where it begins."""

    language: str
    text: str
    line: int


def snippets(readme: str) -> list[Snippet]:
    found = []
    for block in BLOCK.finditer(readme):
        if block["skip"]:
            continue
        line = readme.count("\n", 0, block.start("text")) + 1
        texts = [block["text"]] if block["language"] == "python" else commands(block["text"])
        found += [Snippet(block["language"], text, line) for text in texts]
    return found


def commands(block: str) -> list[str]:
    """The commands of a shell block: lines split at `&&`, continued lines joined, without comments."""
    lines = block.replace("\\\n", " ").splitlines()
    parts = (part.strip() for line in lines for part in re.sub(r"(^|\s)#.*", "", line).split(" && "))
    return [part for part in parts if part]


SNIPPETS = snippets(README.read_text()) if README.exists() else []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[f"line{s.line}-{s.text.split()[0]}" for s in SNIPPETS])
def test_readme(snippet: Snippet, folder: Path, python: list[str]) -> None:
    if snippet.language == "python":
        run([*python, "-c", snippet.text], folder)
    elif re.match(r"(python -m )?pip install\b", snippet.text):
        check_install(snippet.text)
    elif re.match(r"(python -m )?pytest\b", snippet.text):
        assert snippet.text in commands((ROOT / ".ci" / "run").read_text().replace(" </dev/null", ""))
    elif re.match(r"styleclip studio\b", snippet.text):
        run_studio([*python, "-c", START, *shlex.split(snippet.text)[1:]], folder)
    else:
        run(["bash", "-euo", "pipefail", "-c", as_installed(shorten(snippet.text), shlex.join(python))], folder)


def shorten(command: str) -> str:
    """The command with its options of FEWER, in the place of those that it has."""
    for start, options in FEWER.items():
        if command.startswith(start):
            return f"styleclip {shlex.join(last_values(shlex.split(f'{command} {options}')[1:]))}"
    return command


def as_installed(command: str, python: str) -> str:
    """The command without a console script on the path, with scripts and pictures that lie in the checkout."""
    command = re.sub(r"(^|[|;&(]\s*)styleclip\b", rf"\1{python} -m styleclip", command)
    command = re.sub(r"(^|[|;&(]\s*)python\b", rf"\1{python}", command)
    return re.sub(r"(?<=\s)(scripts|benchmarks|docs)/", rf"{ROOT}/\1/", command)


def check_install(command: str) -> None:
    """Check that the command installs this checkout, with extras that exist."""
    target = re.sub(r"^(python -m )?pip install (-e )?", "", command).strip("'\"")
    match = re.fullmatch(r"\.(?:\[([\w,]+)\])?", target)
    assert match, f"{command} installs something else than this checkout"
    pyproject = (ROOT / "pyproject.toml").read_text()
    for extra in filter(None, (match[1] or "").split(",")):
        assert re.search(rf"^{extra} = \[", pyproject, re.M), f"pyproject.toml has no extra {extra}"


def run(command: list[str], folder: Path) -> None:
    env = environment(
        STYLECLIP_HOME=str(folder.with_name("readme-home"))
    )  # whose library has only what the README puts there
    result = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr


def run_studio(command: list[str], folder: Path) -> None:
    """Start the studio, and end it by Ctrl-C when it has told its address."""
    env = environment(BROWSER="true")  # a command that opens nothing
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        number, address = process.stdout.readline(), process.stdout.readline()
        os.kill(int(number), signal.SIGINT)
        assert process.wait(60) == 0
    assert re.match(r"studio: http://127.0.0.1:\d+/ ", address)


def test_the_requirements_are_met() -> None:
    """Everything that pyproject.toml names is installed here, so the suite ran with it."""
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)\]", text, re.M | re.S)
    assert block
    for requirement in re.findall(r'"([\w.-]+)', block[1]):
        assert metadata.version(requirement)


def test_options_take_the_place_of_those_in_the_page() -> None:
    command = 'styleclip invert docs/photo.jpg --face 2 --refine 50 --out "a b"'
    assert shorten(command) == "styleclip invert docs/photo.jpg --face 2 --out 'a b' --refine 2"
    assert shorten("styleclip doctor") == "styleclip doctor"


def test_the_reader_of_blocks() -> None:
    first = "```sh\na \\\n  b  # why\n# only a comment\nc\n```\n\n"
    second = "<!-- not tested: slow -->\n```sh\nd\n```\n```python\ne\n```\n"
    last = "<!-- not tested: slow, too -->\n```sh\nf\n```\n"
    assert [(s.language, s.text, s.line) for s in snippets(first + second + last)] == [
        ("sh", "a    b", 2),
        ("sh", "c", 2),
        ("python", "e\n", 13),
    ]
