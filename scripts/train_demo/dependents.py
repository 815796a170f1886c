"""Make what belongs to the demo generator and its CLIP: python -m scripts.train_demo.dependents

Samples, limits, mappers and the relevance table name the generator and the CLIP that they were made for, so they are
made anew when one of those changes. A stage whose inputs, commands and outputs are as its last run left them is
skipped; `build/train_demo/dependents.json` has their hashes. Stages may run in several processes, the mappers after the
samples.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from scripts.train_demo.common import WORK
from styleclip.storage.files import atomic_write
from styleclip.weights.file_state import sha256_of

FOLDER = Path("checkpoints/demo")
RECORD = WORK / "dependents.json"  # stage -> the hash of its commands, and those of its inputs and outputs by name
MAPPERS = {
    "surprised": "a surprised face",
    "curly-hair": "a face with curly hair",
    "blue-hair": "a face with blue hair",
}

Command = list[str]  # the arguments of Python


@dataclass(frozen=True)
class Stage:
    """One or more files of `checkpoints/demo`, and how they are made.

    Args:
        inputs: the files that they depend on.
        outputs: the files that the stage makes.
        commands: whether the run is a trial -> the arguments of Python, one command after the other.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    commands: Callable[[bool], list[Command]]

    def hashes(self, quick: bool) -> dict[str, str]:
        """What tells whether the stage is up to date: the commands as text, and the hash of every file."""
        files = {name: FOLDER / name for name in (*self.inputs, *self.outputs)}
        state = {name: sha256_of(path) if path.is_file() else "absent" for name, path in files.items()}
        return {"commands": json.dumps(self.commands(quick)), **state}


@click.command()
@click.option("--quick", is_flag=True, help="Few images and short trainings, for a trial.")
@click.option("--stage", "names", multiple=True, help="Only this one.  [default: all]")
@click.option("--images", default=64, show_default=True, help="Of the relevance table, for each channel.")
@click.option("--again", is_flag=True, help="Also what is up to date.")
@click.option("--threads", default=1, show_default=True)
def main(quick: bool, names: tuple[str, ...], images: int, again: bool, threads: int) -> None:
    """Make the files of the chosen stages in checkpoints/demo and print the time of each stage."""
    known = stages(images)
    if unknown := set(names) - set(known):
        raise click.UsageError(f"no stage is called {unknown.pop()}; choose from {', '.join(known)}")
    WORK.mkdir(parents=True, exist_ok=True)
    for name in names or known:
        stage = known[name]
        if not again and read_record().get(name) == stage.hashes(quick):
            print(f"{name}: up to date", flush=True)
            continue
        started = time.monotonic()
        run(stage.commands(quick), threads)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        record = {**read_record(), name: stage.hashes(quick)}  # another process may have added a stage
        atomic_write(RECORD, json.dumps(record, indent=2).encode())


def read_record() -> dict[str, dict[str, str]]:
    """Stage -> its hashes at its last run."""
    record: dict[str, dict[str, str]] = json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}
    return record


def stages(images: int) -> dict[str, Stage]:
    """The stages in the order in which they are run: the mappers read the samples."""
    models = ("generator.safetensors", "clip.safetensors")
    mapper_files = tuple(f"mappers/{name}.safetensors" for name in (*MAPPERS, "old"))
    return {
        "samples": Stage(models, ("samples.safetensors",), lambda quick: [["-m", "scripts.train_demo.samples"]]),
        "limits": Stage(models[:1], ("limits.safetensors",), lambda quick: [["-m", "scripts.train_demo.limits"]]),
        "mappers": Stage((*models, "samples.safetensors", "identity.safetensors"), mapper_files, mapper_commands),
        "relevance": Stage(
            models, ("relevance.safetensors",), lambda quick: [relevance_command(2 if quick else images)]
        ),
    }


def mapper_commands(quick: bool) -> list[Command]:
    """The trainings of the mappers; the step of age is made longer than that of the others."""
    trial = ["--warm-start", "20", "--steps", "2"] if quick else []
    trainings = [(name, prompt, []) for name, prompt in MAPPERS.items()] + [
        ("old", "an old face", ["--strength", "1.5"])
    ]
    return [
        [
            *("-m", "styleclip", "train-mapper", "--prompt", prompt, "--half", "--overwrite", *more, *trial),
            *("--out", str(FOLDER / f"mappers/{name}.safetensors")),
        ]
        for name, prompt, more in trainings
    ]


def relevance_command(images: int) -> Command:
    """The command of the relevance table from so many images for each channel."""
    out = str(FOLDER / "relevance.safetensors")
    return [
        "-m",
        "styleclip",
        "prepare",
        "--method",
        "exact",
        "--psi",
        "1",
        "--images",
        str(images),
        "--overwrite",
        "--out",
        out,
    ]


def run(commands: list[Command], threads: int) -> None:
    """Run the commands one after the other; raises CalledProcessError where one fails."""
    for arguments in commands:
        print("python", *arguments, flush=True)
        subprocess.run([sys.executable, *arguments], check=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    for folder in (FOLDER / "mappers").glob("*.training"):  # metrics and sheets
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
