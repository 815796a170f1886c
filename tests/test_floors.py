"""The floors of docs/architecture.md: a module imports only from its own floor and from lower ones."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    0: (
        *("version", "errors", "interrupts", "progress", "settings", "schedules", "storage", "text", "runtime"),
        *("latents", "seeds", "relevance_table", "samples", "images", "regions", "label_fonts", "sheets", "results"),
    ),
    1: ("networks",),
    2: ("weights", "prompts", "prompt_words", "prompt_lint", "claims", "losses", "alignment", "demo"),
    3: ("models", "children", "loading"),
    4: ("inversion", "stylespace", "preview"),
    5: (
        *("methods", "directions", "training", "canvases", "classification", "edit_source"),
        *("photo_editing", "photo_files", "photo_video"),
    ),
    6: (
        *("editor", "region_editor", "edit_scores", "sweeps", "sweep_combinations", "sweep_edits", "sweep_sheets"),
        *("latent_sources", "trajectory", "evaluate", "diagnostics"),
    ),
    7: ("cli", "studio", "replays", "__main__"),
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
ALLOWED_DEMO = ("demo", "evaluate", "cli")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for top in ("styleclip", "cuda_ops") for path in (ROOT / top).rglob("*.py")}


@cache
def imports(module: str) -> frozenset[str]:
    """Every module of ours that `module` names in an import, at any depth; `styleclip.<name>` for front door names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            found |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    ours = (name for name in found if name.split(".")[0] in ("styleclip", "cuda_ops"))
    return frozenset(known(name) for name in ours)


def absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *filter(None, [node.module])])


def known(name: str) -> str:
    """The module that `name` is or lies in; names of the front door stay as they are."""
    while name not in MODULES and name.count(".") > 1:
        name = name.rpartition(".")[0]
    if name not in MODULES and name.split(".")[0] == "cuda_ops":
        return "cuda_ops"
    return name


def part(module: str) -> str:
    """`styleclip.cli.commands.optimize` -> `cli`; the front door itself -> ``."""
    return module.split(".")[1] if "." in module else ""


@cache
def edges() -> list[tuple[str, str]]:
    """Every import of one of our modules by another."""
    return [(module, target) for module in sorted(MODULES) for target in sorted(imports(module))]


def test_every_module_has_a_floor() -> None:
    homeless = {part(module) for module in MODULES if module.startswith("styleclip.")} - set(FLOOR)
    assert not homeless, f"give {homeless} a floor in docs/architecture.md and here"


def test_imports_only_downstairs() -> None:
    ours = [
        (m, t) for m, t in edges() if m.startswith("styleclip.") and t.startswith("styleclip.") and part(t) in FLOOR
    ]
    assert len(ours) > 1000
    assert not [f"{m} imports {t}, which is upstairs" for m, t in ours if FLOOR[part(t)] > FLOOR[part(m)]]


def test_only_the_command_line_uses_the_front_door() -> None:
    users = {m for m, t in edges() if t == "styleclip" or (t.startswith("styleclip.") and part(t) not in FLOOR)}
    assert {part(module) for module in users} - {""} <= {"cli", "__main__"}


def test_only_networks_and_doctor_import_the_ops() -> None:
    users = {m for m, t in edges() if t.startswith("cuda_ops") and m.startswith("styleclip")}
    outside = {module for module in users if part(module) != "networks"}
    assert outside <= {"styleclip.cli.commands.doctor", "styleclip.diagnostics"}


def test_the_ops_know_nothing_of_styleclip() -> None:
    assert not [(m, t) for m, t in edges() if m.startswith("cuda_ops") and t.startswith("styleclip")]


def test_the_studio_knows_nothing_of_the_command_line() -> None:
    assert not [(m, t) for m, t in edges() if part(m) == "studio" and t.startswith("styleclip.cli")]


def test_the_demo_world_stands_aside() -> None:
    users = {part(m) for m, t in edges() if t.startswith("styleclip.demo")}
    assert users <= set(ALLOWED_DEMO)


def test_no_cycles() -> None:
    """Peel off the modules that import nothing left; what cannot be peeled goes round in circles."""
    left = {m: {t for t in imports(m) if t in MODULES and t not in (m, "styleclip")} for m in MODULES}
    left.pop("styleclip")
    while leaves := {module for module, targets in left.items() if not targets & left.keys()}:
        left = {module: targets for module, targets in left.items() if module not in leaves}
    assert not left


def test_no_test_module_imports_another() -> None:
    """Also in the code that a test hands to another process; shared pieces live in tests/helpers and conftest.py."""
    line = re.compile(r"^.*\bfrom tests\S*\.test_\w+ import.*$|^\s*import tests\S*\.test_.*$", re.M)
    found = {module_name(path): line.findall(path.read_text()) for path in (ROOT / "tests").rglob("*.py")}
    assert len(found) > 200
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    ("line", "target"),
    [("from ...latents import Latent", "styleclip.latents"), ("from styleclip import load", "styleclip.load")],
)
def test_the_reader_of_imports(line: str, target: str) -> None:
    node = ast.parse(line).body[0]
    assert isinstance(node, ast.ImportFrom)
    assert known(f"{absolute('styleclip.cli.commands.sample', node)}.{node.names[0].name}") == target
