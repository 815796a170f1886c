"""The names that may not change, and the promise that looking costs nothing."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

import styleclip
from styleclip.cli import COMMANDS, main
from tests.helpers.support import run_python, run_styleclip

PUBLIC = [
    "Direction",
    "EditResult",
    "Editor",
    "EncoderTraining",
    "GlobalDirection",
    "Inversion",
    "Invert",
    "Latent",
    "LatentDirection",
    "LatentMapper",
    "MapperTraining",
    "Optimize",
    "PivotalTuning",
    "Preparation",
    "Prompt",
    "PromptWarning",
    "Refine",
    "Region",
    "SamplePreparation",
    "Slider",
    "Space",
    "StyleClipError",
    "StyleDirection",
    "StyleStep",
    "Trajectory",
    "__version__",
    "calibrate",
    "edit_photo",
    "ganspace",
    "interfacegan",
    "invert_photo",
    "load",
    "load_direction",
    "load_generator",
    "load_latents",
    "prepare",
    "save_direction",
    "sefa",
    "sweep",
    "train_encoder",
    "train_mappers",
]


def test_the_public_names_are_these() -> None:
    assert styleclip.__all__ == PUBLIC
    assert dir(styleclip) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(styleclip, name) is not None


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        styleclip.nonsense  # noqa: B018


def test_import_is_lazy() -> None:
    heavy = "{'torch', 'numpy', 'PIL', 'open_clip', 'click'}"
    result = run_python("-c", f"import sys, styleclip; print(sorted({heavy} & set(sys.modules)))")
    assert result.stdout == "[]\n", result.stderr


def test_help_imports_nothing_heavy() -> None:
    script = "import sys; sys.argv[1:] = ['--help']; from styleclip.cli import main\ntry: main()\nfinally: "
    result = run_python("-c", script + "print('torch' in sys.modules, 'numpy' in sys.modules)")
    assert result.stdout.endswith("False False\n"), result.stderr


def test_help_is_quick() -> None:
    def seconds() -> float:
        """Of processor time: the clock on the wall also counts what else the machine does."""
        start = os.times()
        run_styleclip("--help")
        stop = os.times()
        return stop.children_user + stop.children_system - start.children_user - start.children_system

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize("arguments", [(), *((command,) for command in COMMANDS)])
def test_help(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*arguments, "--help"], prog_name="styleclip")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Usage: styleclip")
    assert not result.stderr


def test_version() -> None:
    assert run_styleclip("--version").stdout == f"styleclip, version {styleclip.__version__}\n"
