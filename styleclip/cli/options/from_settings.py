"""Options made from the fields of a settings dataclass (`styleclip.settings.setting`), and the "Advanced" section."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from styleclip.cli.options.option import AdvancedOption, Option
from styleclip.cli.options.types import RESOLUTION, STRENGTH, Count, CountRange, FiniteFloat, FiniteRange
from styleclip.errors import UsageError
from styleclip.settings import (
    LossResolution,
    Setting,
    Strength,
    default_text,
    settings_of,
    without_none_type,
)

Decorated = TypeVar("Decorated", bound=Callable[..., object])


class Command(click.Command):
    """A command whose `--help` lists its `AdvancedOption`s apart, below the others."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Advanced": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections["Advanced" if isinstance(parameter, AdvancedOption) else "Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def settings_options(
    kind: type, without: Collection[str] = (), kinds: Mapping[str, click.ParamType] | None = None
) -> Callable[[Decorated], Decorated]:
    """A decorator that adds an option for each setting of `kind`, of which the command gets None where it is left out.

    Args:
        kind: the dataclass; name, type, limits and help of an option are those of the field.
        without: fields that get no option here.
        kinds: click types for fields whose own type does not tell how to read them.
    """
    hints = get_type_hints(kind)
    options = [
        _option(name, hints[name], known, (kinds or {}).get(name))
        for name, known in settings_of(kind).items()
        if known.option != "" and name not in without
    ]

    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def read_settings(kind: type, texts: Sequence[str]) -> dict[str, Any]:
    """Settings of a dataclass written as NAME=VALUE. Raises UsageError for another name or a value it cannot have."""
    hints, known = get_type_hints(kind), settings_of(kind)
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in known:
            raise UsageError(f"{text!r} is not a setting; write NAME=VALUE with one of {', '.join(known)}")
        before = values.get(name)
        try:
            values[name] = _click_type(without_none_type(hints[name]), known[name]).convert(value.strip(), None, None)
        except click.BadParameter as error:
            raise UsageError(f"{text!r} is not a value of {name}: {error.message}") from error
        if before not in (None, values[name]):
            raise UsageError(f"{name} is set twice, to {before} and {values[name]}; pass one of them")
    return values


def option_group(
    name: str,
    kind: type,
    kinds: Mapping[str, click.ParamType] | None = None,
    without: Collection[str] = (),
    options: Sequence[Callable[[Any], Any]] = (),
) -> Callable[[Decorated], Decorated]:
    """A decorator that adds options to a command and hands it their values as one argument `name`, a `kind`.

    Args:
        name: the argument of the command.
        kind: a dataclass, of which settings become options as by `settings_options`.
        kinds: click types, as of `settings_options`.
        without: fields whose option is among `options`, or that the command does not offer.
        options: more options, for fields of `kind`.
    """

    def decorate(command: Decorated) -> Decorated:
        @functools.wraps(command)
        def wrapper(**values: Any) -> object:
            own = {field.name: values.pop(field.name, None) for field in dataclasses.fields(kind)}
            left_out = {field for field in settings_of(kind) if own[field] is None}
            group = kind(**{field: value for field, value in own.items() if field not in left_out})
            return command(**values, **{name: group})

        wrapped: Any = wrapper
        for option in reversed(options):
            wrapped = option(wrapped)
        decorated: Decorated = settings_options(kind, without, kinds)(wrapped) if settings_of(kind) else wrapped
        return decorated

    return decorate


def _option(name: str, hint: Any, known: Setting, kind: click.ParamType | None) -> Callable[[Decorated], Decorated]:
    hint, flag = without_none_type(hint), known.option or name.replace("_", "-")
    cls = AdvancedOption if known.advanced else Option
    if hint is bool and (known.per_model or known.default is not False):
        text = known.help + default_text(known, {True: flag, False: f"no-{flag}"})
        return click.option(f"--{flag}/--no-{flag}", name, default=None, help=text, cls=cls)
    if hint is bool:
        return click.option(f"--{flag}", name, is_flag=True, flag_value=True, default=None, help=known.help, cls=cls)
    kind = kind or _click_type(hint, known)
    metavar, text, multiple = (
        known.metavar or {int: "N", float: "F"}.get(hint),
        known.help + default_text(known),
        known.default == (),
    )
    return click.option(f"--{flag}", name, type=kind, metavar=metavar, help=text, multiple=multiple, cls=cls)


def _click_type(hint: Any, known: Setting) -> click.ParamType:
    if hint == LossResolution:
        return RESOLUTION
    if hint == Strength:
        return STRENGTH
    if hint is bool:
        return click.BOOL
    if get_origin(hint) is Literal:
        return click.Choice([str(value) for value in get_args(hint)])
    if hint is int and known.least is None and known.most is None:
        return Count()
    if hint is int:
        least, most = (None if limit is None else int(limit) for limit in (known.least, known.most))
        return CountRange(least, most)
    if hint is float and (known.least, known.above, known.most) == (None, None, None):
        return FiniteFloat()
    if hint is float:
        return FiniteRange(known.least if known.above is None else known.above, known.most, known.above is not None)
    if hint is Path:
        return click.Path(path_type=Path)
    return click.STRING
