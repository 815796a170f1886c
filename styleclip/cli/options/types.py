"""Types of options: numbers in a range, lists of seeds and numbers, strengths, resolutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from styleclip.settings import MAX_COUNT, MAX_MAGNITUDE, MAX_PSI, short_number
from styleclip.text.parsing import (
    parse_layers,
    parse_numbers,
    parse_resolution,
    parse_seeds,
    parse_shift,
    parse_strength,
    parse_strengths,
)
from styleclip.text.printable import printable


class Count(click.types.IntParamType):
    """A whole number of at most MAX_COUNT."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return int(check_size(self, super().convert(value, param, ctx), MAX_COUNT, param, ctx))


class CountRange(click.IntRange):
    """A whole number in a range, of at most MAX_COUNT where the range has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        most = MAX_COUNT if self.max is None else math.inf
        return int(check_size(self, super().convert(value, param, ctx), most, param, ctx))


class FiniteFloat(click.types.FloatParamType):
    """A number of at most MAX_MAGNITUDE either way."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return float(check_size(self, super().convert(value, param, ctx), MAX_MAGNITUDE, param, ctx))


class FiniteRange(click.FloatRange):
    """A number in a range, neither NaN nor infinite, of at most MAX_MAGNITUDE where the range has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        most = MAX_MAGNITUDE if self.max is None else math.inf
        return float(check_size(self, super().convert(value, param, ctx), most, param, ctx))


def check_size(
    kind: click.ParamType, number: float, most: float, param: click.Parameter | None, ctx: click.Context | None
) -> float:
    """The number, which must be finite and at most `most` either way."""
    if isinstance(number, float) and not math.isfinite(number):
        kind.fail(f"{number} is not a finite number.", param, ctx)
    if abs(number) > most:
        kind.fail(f"{short_number(number)} is too large; pass a number up to {most:g}.", param, ctx)
    return number


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
            self.fail(printable(error), param, ctx)


PSI_RANGE = FiniteRange(-MAX_PSI, MAX_PSI)
EXISTING_PATH = click.Path(exists=True, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
STRENGTHS = Parsed("strengths", parse_strengths)
NUMBERS = Parsed("numbers", parse_numbers)
SEEDS = Parsed("seeds", parse_seeds)
LAYERS = Parsed("layers", parse_layers)
ROW_LAYERS = Parsed("layers", partial(parse_seeds, noun="layers"))
ROWS = Parsed("rows", partial(parse_seeds, noun="rows"))
SHIFT = Parsed("shift", parse_shift)
RESOLUTION = Parsed("px", parse_resolution)
STRENGTH = Parsed("strength", parse_strength)
