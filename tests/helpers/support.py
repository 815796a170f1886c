"""Shared by the tests: the command line in a subprocess, checks of its results, and a small stand-in for the editor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import torch
from click.testing import Result
from torch import Tensor

from styleclip.errors import StyleClipError
from styleclip.latents import Latent, Space
from styleclip.progress import OnStep, Step, ignore
from styleclip.results import EditResult

ROOT = Path(__file__).parents[2]
SIZE = 16


def environment(**extra: str) -> dict[str, str]:
    """The environment of a child process that can import all that this process can, installed or not."""
    paths = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": paths, "MPLBACKEND": "agg", "STYLECLIP_OFFLINE": "1", **extra}


def run_python(
    *arguments: str, cwd: Path | None = None, python: Sequence[str] = (sys.executable,), **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run Python, or what stands in its place (the fixture `python`), with these arguments and more environment."""
    command = [*python, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(**extra), capture_output=True, text=True, timeout=300)


def run_styleclip(
    *arguments: str, cwd: Path | None = None, python: Sequence[str] = (sys.executable,), **extra: str
) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "styleclip", *arguments, cwd=cwd, python=python, **extra)


def start_styleclip(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """A command in a process that Ctrl-C reaches, also where the tests run in the background of a script."""
    return subprocess.Popen(
        [sys.executable, "-m", "styleclip", *arguments],
        cwd=cwd,
        env=environment(BROWSER="true"),  # a command that opens nothing
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # type: ignore[arg-type, return-value]
    )


def done(result: Result) -> Result:
    """The result of a command, which has to have succeeded."""
    assert result.exit_code == 0, result.stderr
    return result


def failed(result: Result, code: int, *words: str) -> None:
    """Check that a command ended with this exit code and one sentence that contains these words."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ") and [word for word in words if word not in last] == [], result.stderr
    assert "Traceback" not in result.stderr


def pictures(count: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def latents(count: int = 1) -> Latent:
    return Latent(Space.W_PLUS, torch.arange(count * 6.0).reshape(count, 2, 3))


def edit_result(count: int = 1, **changes: object) -> EditResult:
    scores = [{"clip_before": 0.2, "clip_after": 0.3, "identity": 0.9}] * count
    values = {
        "prompt": "a face with red hair",
        "neutral": None,
        "method": "optimize",
        "settings": {"steps": 3, "lr": 0.1},
        "before": pictures(count),
        "after": pictures(count, seed=1),
        "source": latents(count),
        "edited": latents(count),
        "scores": scores,
        "seconds": 1.23456,
        "provenance": {"versions": {"styleclip": "0"}},
    }
    return EditResult(**{**values, **changes})  # type: ignore[arg-type]


class FakeEditor:
    """A stand-in for `Editor` that computes nothing."""

    steps = 3

    def __init__(self, models: object) -> None:
        self.models = models

    def sample(self, seeds: list[int], psi: float = 1.0) -> Latent:
        return latents(len(seeds))

    def render(self, latent: Latent) -> Tensor:
        return pictures(len(latent))

    def edit(
        self, latent: Latent, prompt: object, method: object, on_step: OnStep = ignore, about: Any = None
    ) -> EditResult:
        for index in range(1, self.steps + 1):
            on_step(Step(index, self.steps, {"loss": 1 / index, "clip": 0.5}, latent))
        return edit_result(len(latent), provenance={"versions": {"styleclip": "0"}, **(about or {})})


def is_one_sentence(error: StyleClipError) -> bool:
    """Whether the message is one line that ends in a remedy behind a semicolon."""
    what, _, remedy = str(error).rpartition("; ")
    return bool(what and len(remedy) > 8 and "\n" not in str(error))


def assert_is_one_sentence(text: str) -> None:
    """Check that a message is one printable line of moderate length that ends in a remedy behind a semicolon."""
    what, _, remedy = text.rpartition("; ")
    assert text.isprintable() and len(text) < 400 and what and len(remedy) > 8 and not text.endswith("."), text


def decode_video(path: Path, side: int = 32) -> np.ndarray:
    """The frames of a video [T, side, side, 3], decoded by ffmpeg."""
    raw = ["-vf", f"scale={side}:{side}", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), *raw]
    pixels = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, side, side, 3)
