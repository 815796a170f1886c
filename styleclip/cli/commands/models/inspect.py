"""`styleclip models inspect`: format, dimensions, parameters, hash and licence of a weight file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option, table
from styleclip.text.units import human_bytes


@click.command()
@click.argument("file", metavar="FILE")
@json_option
def inspect(file: str, as_json: bool) -> None:
    """Say what is in FILE: format, dimensions, parameters, hash and licence.

    FILE may also be a name or URL whose file is on this disk; a model's name stands for its generator.
    """
    from styleclip.weights.describe import describe
    from styleclip.weights.locate import file_on_disk

    path = file_on_disk(file)
    description = {**describe(path), "catalog": _catalog_entry(path)}
    if as_json:
        print_json(description)
    else:
        print_lines(*_lines(path, description))


def _catalog_entry(path: Path) -> dict[str, Any] | None:
    from styleclip.weights.catalog import weight_records
    from styleclip.weights.recognition import known_weight

    known = known_weight(path)
    return weight_records([known])[0] if known else None


def _lines(path: Path, description: Mapping[str, Any]) -> list[str]:
    head = [("sha256", description["sha256"])]
    if entry := description["catalog"]:
        is_in_place = Path(entry["path"]).resolve() == path.resolve()
        title = "name" if is_in_place else "the same file as"
        head += [(title, f"{entry['name']}: {entry['what']}"), ("licence", entry["licence"])]
        head += [("for the generator", entry["generator"])] if entry["generator"] else []
    lines = [f"{description['file']}  {human_bytes(description['bytes'])}", *table(head, wrap=True)]
    for part in description["parts"]:
        rows = [(f"  {name}", _value_text(value)) for name, value in part.items() if name != "kind"]
        lines += ["", part["kind"], *table(rows, wrap=True)]
    return lines


def _value_text(value: object) -> str:
    """None and 0 are "none"; long numbers are cut into thousands."""
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    return "none" if value in (None, 0) else str(value)
