"""The names that may not change, and the promise that looking costs nothing."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

import styleclip
from styleclip.cli import COMMANDS, main
from tests.helpers.support import run_python, run_styleclip

PUBLIC = [
    "Adaptation",
    "Direction",
    "Drawing",
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
    "Replay",
    "SamplePreparation",
    "Sketching",
    "Slider",
    "Space",
    "StyleClipError",
    "StyleDirection",
    "StyleNet",
    "StyleStep",
    "Stylization",
    "Trajectory",
    "Transform",
    "__version__",
    "adapt",
    "calibrate",
    "draw",
    "edit_photo",
    "ganspace",
    "interfacegan",
    "invert_photo",
    "load",
    "load_child",
    "load_clip",
    "load_direction",
    "load_generator",
    "load_latents",
    "prepare",
    "replay",
    "save_direction",
    "sefa",
    "sketch",
    "stylize",
    "sweep",
    "train_encoder",
    "train_mappers",
    "zero_shot",
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


def test_help_imports_little() -> None:
    """Its time is that of its imports, so they are counted; a count is the same on every machine."""
    script = "import sys; before = set(sys.modules); sys.argv[1:] = ['--help']; from styleclip.cli import main\n"
    result = run_python("-c", script + "try: main()\nfinally: print('imported', *set(sys.modules) - before)")
    imported = result.stdout.rpartition("imported")[2].split()
    packages = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert packages == {"styleclip", "click", "platformdirs"}, result.stderr
    assert len(imported) < 350


@pytest.mark.parametrize("arguments", [(), *((command,) for command in COMMANDS)])
def test_help(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*arguments, "--help"], prog_name="styleclip")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Usage: styleclip")
    assert not result.stderr


def test_version() -> None:
    assert run_styleclip("--version").stdout == f"styleclip, version {styleclip.__version__}\n"
