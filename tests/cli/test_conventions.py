"""docs/cli.md: its table of environment variables has all that the code reads, and no others."""

from __future__ import annotations

import re

from tests.helpers.support import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()
OURS = re.compile(r"\b(?:STYLECLIP|CUDA_OPS)_[A-Z]+\b")
READ = re.compile(r"environ(?:\.get\(|\.setdefault\(|\[)\"(\w+)\"")
NOT_SETTINGS = {"PATH"}  # of every program


def listed() -> set[str]:
    """The variables of the first column."""
    rows = re.findall(r"^\| (`[A-Z`, _]+`) \|", PAGE, re.M)
    return {name for row in rows for name in re.findall(r"[A-Z][A-Z_]+", row)}


def test_every_variable_is_in_the_table() -> None:
    """Those of ours that any code names, and all that the packages read."""
    sources = [*(ROOT / "styleclip").rglob("*.py"), *(ROOT / "cuda_ops").rglob("*.py"), ROOT / "setup.py"]
    text = "\n".join(path.read_text() for path in sources)
    read = set(READ.findall(text)) - NOT_SETTINGS
    assert read <= listed()
    assert set(OURS.findall(text)) == {name for name in listed() if OURS.fullmatch(name)}


def test_every_variable_of_the_table_is_used() -> None:
    files = [path for top in ("styleclip", "cuda_ops") for path in (ROOT / top).rglob("*.py")]
    text = "\n".join(path.read_text() for path in [*files, ROOT / "setup.py"])
    of_packages = {"OMP_NUM_THREADS", "HF_TOKEN", "XDG_DATA_HOME"}  # torch, huggingface_hub, platformdirs
    assert {name for name in listed() if name not in text} <= of_packages
