"""The options of all commands: one that takes a single value is given once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from styleclip.errors import UsageError

Decorated = TypeVar("Decorated", bound=Callable[..., object])
TEXTS = ("prompt", "neutral", "targets")  # `Prompt` says what is wrong with these
MAX_VALUE_CHARS = 40  # in a message


class Option(click.Option):
    """An option that takes its value once; given again with another one, it raises UsageError.

    click's own takes the last value and drops the others.
    """

    @property
    def takes_one(self) -> bool:
        return not (self.multiple or self.count)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser collect all values, as it does for `multiple`."""
        before, self.multiple = self.multiple, not self.count
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.multiple = before

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> Any:
        given = opts.get(self.name or "")
        if self.takes_one and isinstance(given, list):
            if any(value != given[0] for value in given):
                raise UsageError(f"{self._contradiction(given)}; pass one of them")
            opts = {**opts, self.name or "": given[0]}
        values = given if isinstance(given, list) else [given]
        if self.name not in TEXTS and any(isinstance(value, str) and not value.strip() for value in values):
            raise UsageError(f"the value of {self.opts[-1]} is empty; pass one, or leave it out")
        return super().consume_value(ctx, opts)

    def _contradiction(self, given: list[Any]) -> str:
        if self.is_flag and self.secondary_opts:
            return f"{self.opts[-1]} and {self.secondary_opts[-1]} contradict each other"
        first, other = given[0], next(value for value in given if value != given[0])
        if not all(isinstance(value, str) for value in (first, other)):
            return f"{self.opts[-1]} is given twice, with and without a value"
        shown = " and ".join(repr(value[:MAX_VALUE_CHARS]) for value in (first, other))
        return f"{self.opts[-1]} is given twice, as {shown}"


class AdvancedOption(Option):
    """A rare option, which `--help` lists under "Advanced"."""


def option(*names: str, cls: type[Option] = Option, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """`click.option` for an `Option`."""
    return click.option(*names, cls=cls, **attributes)
