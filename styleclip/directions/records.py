"""Unit and range in the records of directions, of our files and of the index of a pack; read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from styleclip.errors import WeightError
from styleclip.weights.formats.own_checks import number_of

REMEDY = "import or make the direction again"
UnitOf = Literal["identity", "clip"]  # features whose distance the unit is measured by


def read_unit(record: Mapping[str, Any]) -> dict[str, Any]:
    """`unit` and `unit_of` of a record; {} where it has none."""
    if record.get("unit") is None:
        return {}
    unit, unit_of = number_of(record, "unit", REMEDY), record.get("unit_of", "identity")
    if unit <= 0 or unit_of not in get_args(UnitOf):
        raise WeightError(f"its unit {unit:g} is damaged; {REMEDY}")
    return {"unit": float(unit), "unit_of": unit_of}


def read_range(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """The lowest and highest useful alpha of a record; None where it has none."""
    value = record.get("range")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise WeightError(f"its range is damaged; {REMEDY}")
    low, high = (number_of({"range": each}, "range", REMEDY) for each in value)
    if not low < high:
        raise WeightError(f"its range {low:g} to {high:g} is damaged; {REMEDY}")
    return low, high
