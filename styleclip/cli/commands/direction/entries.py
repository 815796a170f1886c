"""Writing directions to the library at the end of a command: units, the entry, and what is printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.cli.output.tables import table
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.methods.latent_direction import LatentDirection
    from styleclip.methods.style_direction import StyleDirection
    from styleclip.models import Models
    from styleclip.progress import OnStep

MAX_CALIBRATED = 16  # directions of a pack, of which each takes some seconds
MAX_ROWS = 20  # of a table


def add_entry(
    common: CommonOptions,
    models: Models,
    directions: Sequence[LatentDirection] | StyleDirection,
    name: str,
    calibrate: bool = True,
) -> Path:
    """Add directions to the library under this name, with their units, and print what the entry holds.

    A pack of more than MAX_CALIBRATED directions gets no units; `--strength` then measures those that it needs.
    """
    from styleclip.directions.loading import add_to_library
    from styleclip.directions.own_files import direction_record, read_latent_directions
    from styleclip.methods.style_direction import StyleDirection

    if calibrate:
        directions = _with_units(common, models, directions, name)
    path = add_to_library(directions, name, models, common.overwrite)
    if isinstance(directions, StyleDirection):
        records: list[dict[str, Any]] = [{"name": name, "space": "s", **_unit_of(directions)}]
    else:
        records = [direction_record(each) for each in read_latent_directions(path)]
    common.report([path], {"name": name, "directions": records}, _lines(records))
    return path


def _with_units(
    common: CommonOptions, models: Models, directions: Sequence[LatentDirection] | StyleDirection, name: str
) -> Sequence[LatentDirection] | StyleDirection:
    """Raises UsageError for the only direction where it moves no picture."""
    from styleclip.directions.calibration import calibrated
    from styleclip.methods.style_direction import StyleDirection

    with Progress(f"unit of {name}", common.quiet) as progress:
        if isinstance(directions, StyleDirection):
            return calibrated(directions, models, progress)
        if len(directions) == 1:
            return [calibrated(directions[0], models, progress)]
        if len(directions) <= MAX_CALIBRATED:
            return with_units(directions, models, progress)
    if not common.as_json:
        print_lines(f"{len(directions)} directions get no units now; --strength measures those that it needs", err=True)
    return directions


def with_units(directions: Sequence[LatentDirection], models: Models, on_step: OnStep) -> list[LatentDirection]:
    """The directions of a pack with their units, where some alpha moves pictures so far. A step counts directions."""
    from styleclip.directions.calibration import calibrated
    from styleclip.progress import Step

    measured: list[LatentDirection] = []
    for direction in directions:

        def show(step: Step) -> None:
            on_step(Step(len(measured) + 1, len(directions), step.values, stage="units"))

        try:
            measured.append(calibrated(direction, models, show))
        except UsageError:
            measured.append(direction)
    return measured


def _unit_of(direction: StyleDirection) -> dict[str, Any]:
    return {"range": direction.range, "unit": direction.unit, "unit_of": direction.unit_of, "licence": ""}


def _lines(records: Sequence[dict[str, Any]]) -> list[str]:
    """A table of the directions of an entry."""
    rows = [("direction", "space", "layers", "range", "unit", "licence")]
    for each in records[:MAX_ROWS]:
        reach = "{:g} to {:g}".format(*each["range"]) if each.get("range") else "not known"
        unit = f"{each['unit']:g}" if each.get("unit") else "not measured"
        rows.append(
            (each["name"], each["space"], each.get("layers") or "all", reach, unit, each["licence"] or "not stated")
        )
    more = len(records) - MAX_ROWS
    return [*table(rows), *([f"... and {more} more"] if more > 0 else [])]
