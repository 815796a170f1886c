"""Settings of methods and trainings: each is written once, as a dataclass field with its default, help and limits.

The commands make their options from these fields (`styleclip/cli/options/from_settings.py`), the constructors check
them (`check_limits`), and `resolve` fills in what was left open. Nothing here imports torch, so `--help` is quick.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from styleclip.errors import UsageError

LossResolution = Literal["auto", "full"] | int  # px of the images that the losses see
Strength = float | Literal["auto"]
TextEncoding = Literal["prompt", "ensemble"]  # the text as it is, or its mean over CLIP's prompt templates

MAX_COUNT = 10_000_000  # of whole numbers that have no limit of their own
MAX_MAGNITUDE = 1e30  # of other numbers; float32 ends at 3e38
MAX_SEED = 2**63 - 2001  # of torch's generators; 1000 restarts and as many batches come after it
MAX_PSI = 100  # of truncation, either way
MAX_BATCH = 65_536  # pictures or latents of one step
PRESETS = ("suited", "published")

Value = TypeVar("Value")
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Setting:
    """What is known of a setting besides its name and type.

    Args:
        default: the published value.
        help: one sentence for `--help`.
        least: smallest value allowed; `above`: every value must be larger than this.
        most: largest value allowed; by default MAX_COUNT, or MAX_MAGNITUDE either way.
        per_model: the catalog may bring another default for a generator, so the field is None until `resolve`.
        advanced: a rare setting; `--help` lists it under "Advanced".
        option: the name of the command-line option, without dashes, where it is not the field's; "" for none.
        metavar: how `--help` shows the value.
    """

    default: Any
    help: str
    least: float | None = None
    above: float | None = None
    most: float | None = None
    per_model: bool = False
    advanced: bool = False
    option: str | None = None
    metavar: str | None = None


def setting(default: Value, help: str, **details: Any) -> Value:
    """A dataclass field with the metadata of `Setting`.

    Example:
        steps: int = setting(300, "Optimization steps.", least=1, per_model=True)
    """
    known = Setting(default, help, **details)
    field: Any = dataclasses.field(default=None if known.per_model else default, metadata={"setting": known})
    return field


def settings_of(kind: type) -> dict[str, Setting]:
    """The settings of a dataclass by field name; fields made without `setting` are left out."""
    return {f.name: f.metadata["setting"] for f in dataclasses.fields(kind) if "setting" in f.metadata}


def published_values(kind: type) -> dict[str, Any]:
    """The published value of every setting of a dataclass, by field name."""
    return {name: known.default for name, known in settings_of(kind).items()}


def preset_values(kind: type, preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were `given` and, with the preset "published", the published values of the others.

    With "suited" those left open take the values that suit the generator.
    """
    return {**(published_values(kind) if preset == "published" else {}), **given}


def resolve(settings: Settings, defaults: Mapping[str, Any], keep_open: Iterable[str] = ()) -> Settings:
    """The settings with every field that was left open filled in: from `defaults`, else with the published value.

    Args:
        settings: an instance of a dataclass of settings.
        defaults: the values that suit the generator, by field name (`Models.defaults[method]`).
        keep_open: fields that stay None because another setting takes their place.
    """
    open_fields = {
        name: known
        for name, known in settings_of(type(settings)).items()
        if known.per_model and getattr(settings, name) is None and name not in keep_open
    }
    values = {name: defaults.get(name, known.default) for name, known in open_fields.items()}
    resolved: Settings = dataclasses.replace(settings, **values)  # type: ignore[type-var]
    return resolved


def check_limits(settings: object) -> None:
    """Raise UsageError, with the name, the value and the limits, for a field outside its limits.

    None is allowed (a field left open), and so are the strings of a Literal in the field's type.
    """
    hints = get_type_hints(type(settings))
    for name, known in settings_of(type(settings)).items():
        value = getattr(settings, name)
        words = literal_values(hints[name])
        if value is None or value in words:
            continue
        if words and isinstance(value, str):
            numbers = "" if get_origin(hints[name]) is Literal else " or a number"
            raise UsageError(f"{name} is {value!r}; choose {'' if numbers else 'one of '}{', '.join(words)}{numbers}")
        count, types_ = is_count(hints[name]), get_args(hints[name]) or (hints[name],)
        is_text = isinstance(value, (str, bytes)) and str not in types_ and (int in types_ or float in types_)
        if is_text or (count and isinstance(value, float) and math.isfinite(value)):
            raise UsageError(f"{name} is {str(value)[:40]!r}; it must be a {'whole ' if count else ''}number")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if not _is_within(known, value, count):
            raise UsageError(f"{name} is {short_number(value)}; it must be {_limits(known, count, value)}")


def literal_values(hint: Any) -> tuple[Any, ...]:
    """The values that a type lists in a Literal, also within a union."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(value for part in get_args(hint) for value in literal_values(part))


def format_number(value: Strength | None) -> str:
    """`4.0 -> "4"`; a number that needs more than six digits gets them."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def is_count(hint: Any) -> bool:
    """Whether a type takes whole numbers only."""
    return hint is int or (int in get_args(hint) and float not in get_args(hint))


def numeric_limits(known: Setting, count: bool) -> tuple[float | None, float | None]:
    """The smallest value allowed, which is `above` where there is one, and the largest."""
    least = known.least if known.above is None else known.above
    if count:
        return least, MAX_COUNT if known.most is None else known.most
    return -MAX_MAGNITUDE if least is None else least, MAX_MAGNITUDE if known.most is None else known.most


def short_number(value: float) -> str:
    """A number as a message shows it, also one of a thousand digits."""
    if not isinstance(value, int):
        return str(value)
    return str(value) if abs(value) < 10**20 else f"a whole number of {value.bit_length()} bits"


def _is_within(known: Setting, value: float, count: bool) -> bool:
    least, most = numeric_limits(known, count)
    is_finite = isinstance(value, int) or math.isfinite(value)  # math.isfinite overflows for long whole numbers
    return (
        is_finite
        and (least is None or value >= least)
        and (known.above is None or value > known.above)
        and (most is None or value <= most)
    )


def _limits(known: Setting, count: bool, value: float) -> str:
    """`at least 1`, `a finite number, 0 or more`, `... and at most 1`; MAX_COUNT for a `value` that is larger."""
    parts = []
    if known.least is not None:
        parts.append(f"at least {known.least}" if count else f"{known.least:g} or more")
    if known.above is not None:
        parts.append(f"above {known.above:g}")
    if known.most is not None:
        parts.append(f"at most {known.most}" if count else f"at most {known.most:g}")
    elif count and value > MAX_COUNT:
        parts.append(f"at most {MAX_COUNT}")
    elif not count and MAX_MAGNITUDE < abs(value) < math.inf:
        parts.append(f"at most {MAX_MAGNITUDE:g}" if parts else f"from {-MAX_MAGNITUDE:g} to {MAX_MAGNITUDE:g}")
    limits = " and ".join(parts)
    return limits if count else ", ".join(filter(None, ["a finite number", limits]))


def default_text(known: Setting, words: Mapping[Any, str] | None = None) -> str:
    """`  [default: 50]`; of a setting that a generator may bring, the published value after it."""
    if known.default in (None, "", ()):
        return ""
    value = f"{known.default:g}" if isinstance(known.default, float) else known.default
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    value = (words or {}).get(value, value)
    prefix = "the model's, else " if known.per_model else ""
    return f"  [default: {prefix}{value}]"


def without_none_type(hint: Any) -> Any:
    """The type `X` of `X | None`."""
    parts = [part for part in get_args(hint) if part is not type(None)]
    is_union = get_origin(hint) in (Union, types.UnionType)
    return parts[0] if is_union and len(parts) == 1 else hint
