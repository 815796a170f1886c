"""Conversions by the command line, and generators in the files of every project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from click.testing import CliRunner, Result
from safetensors import safe_open
from torch import Tensor

from styleclip.cli import main
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from tests.helpers.tiny import TINY, tiny_generator

EVEN = replace(TINY, z_dim=8, mapping_widths=(8, 8))  # one width, as rosinality's
IMAGE = 1e-4  # as in test_golden
FORMATS = ("styleclip", "rosinality", "nvidia")
NAMES = {"styleclip": "g.safetensors", "rosinality": "g.pt", "nvidia": "g.pth"}
NO_CLAMP = "has no place for the clamp of activations at 256; it is left out"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", "convert", *map(str, arguments)], prog_name="styleclip")


def done(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result


def failed(result: Result, code: int, *words: str) -> None:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and [word for word in words if word not in last] == [], result.stderr


def even_generator(**changes: Any) -> Generator:
    return tiny_generator(replace(EVEN, **changes))


def tiny_file(folder: Path, **changes: Any) -> Path:
    return save_generator(tiny_generator(replace(TINY, **changes)), folder / "tiny.safetensors")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


@torch.no_grad()
def render(path: Path, latent: Tensor) -> Tensor:
    return load_generator(path)(Latent(Space.Z, latent))


def write_rosinality(path: Path, generator: Generator) -> Path:
    torch.save(rosinality.export_generator(generator.state_dict()), path)
    return path


def write_state_dict(path: Path, generator: Generator) -> Path:
    torch.save(generator.state_dict(), path)
    return path


def write_native(path: Path, generator: Generator) -> Path:
    return save_generator(generator, path)
