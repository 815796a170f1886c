"""What `global-dir` is asked for: prompts, edits written in one line and saved directions, at strengths and betas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import option_group, slug, without_none
from styleclip.cli.options.types import Parsed, format_number, parse_strength
from styleclip.errors import UsageError
from styleclip.settings import Strength

if TYPE_CHECKING:
    from styleclip.prompts import Prompt

EDIT = '"NEUTRAL -> TARGET [@ ALPHA[, BETA]]"'
MAX_COMBINATIONS = 100  # of alphas and betas in one call


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
        return "_".join(f"{name}_{format_number(value)}" for name, value in parts)


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


def parse_edit(text: str) -> EditRequest:
    """`NEUTRAL -> TARGET [@ ALPHA[, BETA]]`, with several neutrals apart by ` / `."""
    texts, at, numbers = text.partition("@")
    try:
        neutral, target = texts.split("->")
        values: list[Strength | None] = [parse_strength(part) for part in numbers.split(",")] if at else []
        alpha, beta = values + [None] * (2 - len(values))
    except ValueError:
        raise ValueError(f"{text!r} is not an edit; write it like {EDIT}.") from None
    return EditRequest(target.strip(), tuple(part.strip() for part in neutral.split(" / ")), None, alpha, beta)


def parse_direction(text: str) -> EditRequest:
    """`FILE [@ ALPHA]`."""
    name, at, last = text.rpartition(" @ ")
    try:
        path, alpha = (Path(name), parse_strength(last)) if at else (Path(text), None)
    except ValueError:
        raise ValueError(f"{text!r} is not a saved direction; write it like FILE or FILE @ 4.") from None
    if not path.is_file():
        raise ValueError(f"there is no file {path}; pass one that --save-direction wrote.")
    return EditRequest(saved=path, alpha=alpha)


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
            type=Parsed("edit", parse_edit),
            metavar="TEXT",
            help=f"In place of --prompt, any number of {EDIT}, made in turn. Several neutrals: A / B -> TARGET.",
        ),
        click.option(
            "--direction",
            multiple=True,
            type=Parsed("direction", parse_direction),
            metavar="FILE",
            help='An edit that --save-direction wrote, made before the others; "FILE @ ALPHA" sets its strength.',
        ),
    ),
)
