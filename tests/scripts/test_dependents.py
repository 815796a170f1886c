"""The command that makes what belongs to the demo generator and its CLIP: what it runs, and what it skips."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scripts.train_demo import dependents
from scripts.train_demo.dependents import Stage, main, stages
from styleclip.cli import main as styleclip_cli
from styleclip.weights.catalog import checkpoint_path, weights

COPY = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read() + sys.argv[3])"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints in which `copy` depends on `generator`, and `second` on `copy`."""

    def stage(source: str, target: str) -> Stage:
        paths = [str(tmp_path / name) for name in (source, target)]
        return Stage((source,), (target,), lambda quick: [["-c", COPY, *paths, "quick" if quick else "whole"]])

    monkeypatch.setattr(dependents, "FOLDER", tmp_path)
    monkeypatch.setattr(dependents, "WORK", tmp_path)
    monkeypatch.setattr(dependents, "RECORD", tmp_path / "dependents.json")
    known = {"copy": stage("generator", "copied"), "second": stage("copied", "twice")}
    monkeypatch.setattr(dependents, "stages", lambda images: known)
    (tmp_path / "generator").write_text("one ")
    return tmp_path


def made(*options: str) -> list[str]:
    """The names of the stages that were run."""
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 0, result.output
    return [line.partition(":")[0] for line in result.output.splitlines() if line.endswith(" s")]


def test_only_what_has_changed_is_made(folder: Path) -> None:
    assert made() == ["copy", "second"] and (folder / "twice").read_text() == "one wholewhole"
    assert made() == []
    (folder / "generator").write_text("two ")
    assert made() == ["copy", "second"] and (folder / "twice").read_text() == "two wholewhole"
    (folder / "twice").unlink()
    assert made() == ["second"]
    assert made("--quick", "--stage", "copy") == ["copy"] and (folder / "copied").read_text() == "two quick"
    assert made("--again", "--stage", "copy", "--quick") == ["copy"]


def test_an_unknown_stage(folder: Path) -> None:
    result = CliRunner().invoke(main, ["--stage", "encoder"])
    assert result.exit_code == 2 and "no stage is called encoder; choose from copy, second" in result.output


def test_every_file_of_the_demo_has_a_stage() -> None:
    outputs = {name for stage in stages(64).values() for name in stage.outputs}
    mappers = {each.file.removeprefix("demo/") for each in weights().values() if each.file.startswith("demo/mappers/")}
    assert outputs == {"samples.safetensors", "limits.safetensors", "relevance.safetensors", *mappers}
    assert all(checkpoint_path(f"demo/{name}").is_file() for stage in stages(64).values() for name in stage.inputs)


@pytest.mark.parametrize("quick", [False, True])
def test_its_commands_have_the_options_of_styleclip(quick: bool) -> None:
    commands = [arguments[1:] for stage in stages(64).values() for arguments in stage.commands(quick)]
    own = [options for module, *options in commands if module == "styleclip"]
    assert len(own) == 5
    for name, *options in own:
        command = styleclip_cli.get_command(click.Context(styleclip_cli), name)
        assert command is not None and command.make_context(name, options).params
