"""What `global-dir` is asked for: prompts, edits written in one line and saved directions, at strengths and betas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from styleclip.cli.options.common import option_group, slug, without_none
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.prompts import Prompt

Strength = float | Literal["auto"]  # as of styleclip.methods.style_direction, which imports torch
EDIT = '"NEUTRAL -> TARGET [@ ALPHA[, BETA]]"'
MAX_COMBINATIONS = 100  # of alphas and betas in one call

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class EditRequest:
    """One edit, by its texts or by the file of a `saved` direction; None is left to --alpha and --beta."""

    target: str = ""
    neutrals: tuple[str, ...] = ()
    saved: Path | None = None
    alpha: Strength | None = None
    beta: Strength | None = None

    @property
    def name(self) -> str:
        return self.target if self.saved is None else self.saved.stem

    def prompt(self) -> Prompt:
        """Raises UsageError for empty texts."""
        import styleclip

        neutral = self.neutrals[0] if len(self.neutrals) == 1 else self.neutrals or None
        return styleclip.Prompt(self.target, **without_none({"neutral": neutral}))


@dataclass(frozen=True)
class EditRequests:
    """All edits of one call, to be made in turn: first the saved ones."""

    prompt: str | None
    neutral: tuple[str, ...]
    edit: tuple[EditRequest, ...]
    direction: tuple[EditRequest, ...]

    def __post_init__(self) -> None:
        if self.prompt is not None and self.edit:
            raise UsageError("--prompt and --edit both say what to edit; write all as --edit")
        if self.neutral and self.prompt is None:
            raise UsageError(f"--neutral goes with --prompt; write an --edit as {EDIT}")
        if not self.all:
            raise UsageError("nothing says what to edit; pass --prompt, --edit or --direction")

    @property
    def all(self) -> tuple[EditRequest, ...]:
        return (*self.direction, *self.texts)

    @property
    def texts(self) -> tuple[EditRequest, ...]:
        """Those whose direction is still to be found."""
        return self.edit if self.prompt is None else (EditRequest(self.prompt, self.neutral),)

    @property
    def folder(self) -> str:
        """Apart from those of `optimize`, which makes the same prompts."""
        return f"global-dir/{slug(' '.join(wish.name for wish in self.all))}"


@dataclass(frozen=True)
class AlphaBeta:
    """One of the strengths and one of the betas of a call; None leaves the choice to edit and model."""

    alpha: Strength | None
    beta: Strength | None

    @property
    def size(self) -> float:
        """How strong it is, as far as can be told."""
        return abs(self.alpha) if isinstance(self.alpha, float) else 0.0

    def named(self, alphas: bool, betas: bool) -> str:
        """`alpha_4_beta_0.12`, of the two that vary."""
        parts = [*(("alpha", self.alpha),) * alphas, *(("beta", self.beta),) * betas]
        return "_".join(f"{name}_{number(value)}" for name, value in parts)


def combinations(
    wishes: EditRequests, alphas: tuple[Strength, ...] | None, betas: tuple[Strength, ...] | None
) -> dict[AlphaBeta, str]:
    """Every strength at every beta, and the name of its folder: "" for a single one.

    Raises UsageError where an option changes nothing, and for too many.
    """
    if alphas and all(wish.alpha is not None for wish in wishes.all):
        raise UsageError("every edit says its alpha after @; leave out --alpha")
    if betas and all(wish.beta is not None or wish.saved for wish in wishes.all):
        raise UsageError("every edit has its beta already; leave out --beta")
    count = len(alphas or (0,)) * len(betas or (0,))
    if count > MAX_COMBINATIONS:
        raise UsageError(f"these are {count} combinations of alpha and beta; ask for at most {MAX_COMBINATIONS}")
    several = [len(values or ()) > 1 for values in (alphas, betas)]
    pairs = [AlphaBeta(alpha, beta) for beta in betas or (None,) for alpha in alphas or (None,)]
    return {pair: pair.named(*several) for pair in pairs}


def number(value: Strength | None) -> str:
    """`4.0 -> "4"`; one that needs more than six digits gets them."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


class Parser(click.ParamType):
    """A type of option that is read by a function, whose ValueError says what is wrong with the text."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self.parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def strength(text: str) -> Strength:
    """A finite number, or "auto"; raises ValueError otherwise."""
    if text.strip() == "auto":
        return "auto"
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def strengths(text: str) -> tuple[Strength, ...]:
    """Strengths such as `4`, `-4,0,4` or `auto`; each is taken once."""
    try:
        return tuple(dict.fromkeys(strength(part) for part in text.split(",")))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers; write it like 4 or -4,0,4 or auto.") from None


def numbers(text: str) -> tuple[float, ...]:
    """Finite numbers such as `1` or `-1,0,1`; each is taken once."""
    try:
        values = strengths(text)
        return tuple(float(value) for value in values)
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers; write it like 1 or -1,0.5,1.") from None


def edit(text: str) -> EditRequest:
    """`NEUTRAL -> TARGET [@ ALPHA[, BETA]]`, with several neutrals apart by ` / `."""
    texts, at, numbers = text.partition("@")
    try:
        neutral, target = texts.split("->")
        values: list[Strength | None] = [strength(part) for part in numbers.split(",")] if at else []
        alpha, beta = values + [None] * (2 - len(values))
    except ValueError:
        raise ValueError(f"{text!r} is not an edit; write it like {EDIT}.") from None
    return EditRequest(target.strip(), tuple(part.strip() for part in neutral.split(" / ")), None, alpha, beta)


def direction(text: str) -> EditRequest:
    """`FILE [@ ALPHA]`."""
    name, at, last = text.rpartition(" @ ")
    try:
        path, alpha = (Path(name), strength(last)) if at else (Path(text), None)
    except ValueError:
        raise ValueError(f"{text!r} is not a saved direction; write it like FILE or FILE @ 4.") from None
    if not path.is_file():
        raise ValueError(f"there is no file {path}; pass one that --save-direction wrote.")
    return EditRequest(saved=path, alpha=alpha)


STRENGTHS = Parser("strengths", strengths)
NUMBERS = Parser("numbers", numbers)

wishes_options = option_group(
    "wishes",
    EditRequests,
    (
        click.option("--prompt", metavar="TEXT", help="What the picture shall show."),
        click.option(
            "--neutral",
            multiple=True,
            metavar="TEXT",
            help="What it shows now; several texts are averaged.  [default: a face]",
        ),
        click.option(
            "--edit",
            multiple=True,
            type=Parser("edit", edit),
            metavar="TEXT",
            help=f"In place of --prompt, any number of {EDIT}, made in turn. Several neutrals: A / B -> TARGET.",
        ),
        click.option(
            "--direction",
            multiple=True,
            type=Parser("direction", direction),
            metavar="FILE",
            help='An edit that --save-direction wrote, made before the others; "FILE @ ALPHA" sets its strength.',
        ),
    ),
)
