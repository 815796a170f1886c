"""Types of options: numbers in a range, lists of seeds and numbers, strengths, resolutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from styleclip.parsing import (
    parse_numbers,
    parse_resolution,
    parse_seeds,
    parse_strength,
    parse_strengths,
)

MAX_SEED = 2**63 - 1


class FiniteFloat(click.types.FloatParamType):
    """A number, neither NaN nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return _check_finite(self, super().convert(value, param, ctx), param, ctx)


class FiniteRange(click.FloatRange):
    """A number in a range, neither NaN nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return _check_finite(self, super().convert(value, param, ctx), param, ctx)


def _check_finite(
    kind: click.ParamType, number: float, param: click.Parameter | None, ctx: click.Context | None
) -> float:
    if not math.isfinite(number):
        kind.fail(f"{number} is not a finite number.", param, ctx)
    return float(number)


class Parsed(click.ParamType):
    """An option that a function reads; its ValueError says what is wrong with the text."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self.parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
STRENGTHS = Parsed("strengths", parse_strengths)
NUMBERS = Parsed("numbers", parse_numbers)
SEEDS = Parsed("seeds", parse_seeds)
ROWS = Parsed("rows", partial(parse_seeds, noun="rows"))
RESOLUTION = Parsed("px", parse_resolution)
STRENGTH = Parsed("strength", parse_strength)
