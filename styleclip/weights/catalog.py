"""The catalog of weights that are known by name (checkpoints/catalog.toml), and where their files lie here."""

from __future__ import annotations

import functools
import os
import tomllib
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.resources import checkpoint_path


@functools.cache
def catalog() -> dict[str, Any]:
    """The whole table: section -> name -> entry."""
    return tomllib.loads(checkpoint_path("catalog.toml").read_text("utf-8"))


def entry(section: str, name: str) -> dict[str, Any]:
    """One entry; raises WeightError with the known names when there is none."""
    entries = catalog()[section]
    if name not in entries:
        raise WeightError(f"{name!r} is not among the known {section} ({', '.join(entries)}), nor a file")
    return dict(entries[name])


def weight_file(section: str, name: str) -> Path:
    """The file of an entry: shipped with styleclip, or in the cache; raises WeightError that says where to get it."""
    found = entry(section, name)
    if "source" not in found:
        return checkpoint_path(found["file"])
    path = home() / found["file"]
    if not path.exists():
        raise WeightError(f"{name} is not in {path.parent}; download {found['source']} to {path} ({found['licence']})")
    return path


def home() -> Path:
    """Where downloaded weights lie: STYLECLIP_HOME, else the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("STYLECLIP_HOME") or Path(cache) / "styleclip")
