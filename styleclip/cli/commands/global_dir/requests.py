"""The options of `global-dir` that say what to edit: prompts, edits in one line, and saved directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styleclip.cli.options.common import FORCE, given_neutral
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.types import Parsed
from styleclip.errors import UsageError
from styleclip.settings import Strength, setting
from styleclip.text import edits
from styleclip.text.names import name_title, slug

if TYPE_CHECKING:
    from styleclip.sweep_edits import Edit
    from styleclip.weights.cache import Fetch

EDIT_SYNTAX = '"[NEUTRAL ->] TARGET [@ ALPHA[, BETA]]"'
EDIT_HELP = f"In place of --prompt, any number of {EDIT_SYNTAX} that add up. Several neutrals: A / B -> TARGET."
DIRECTION_HELP = (
    "A direction to add: a NAME of the library or the catalog, PACK:NAME, a file or URL; "
    '"NAME @ ALPHA" sets its strength.'
)


@dataclass(frozen=True)
class EditRequest:
    """One edit, by its texts or by the name of a `direction`; None is left to --alpha, --strength and --beta."""

    target: str = ""
    neutrals: tuple[str, ...] = ()
    direction: str = ""
    alpha: Strength | None = None
    beta: Strength | None = None

    @property
    def name(self) -> str:
        return name_title(self.direction) if self.direction else self.target

    def as_edit(self, force: bool) -> Edit:
        """Raises UsageError for empty texts. `force` is that of `Prompt`."""
        import styleclip
        from styleclip.sweep_edits import Edit

        if self.direction:
            return Edit(self.direction, self.alpha, self.beta)
        return Edit(styleclip.Prompt(self.target, given_neutral(self.neutrals), force), self.alpha, self.beta)


@dataclass(frozen=True)
class EditRequests:
    """All edits of one call, which add up: first the directions."""

    prompt: str | None = setting(None, "What the picture shall show.", metavar="TEXT")
    neutral: tuple[str, ...] = setting(
        (), "What it shows now; several texts are averaged.  [default: a face]", metavar="TEXT"
    )
    edit: tuple[EditRequest, ...] = setting((), EDIT_HELP, metavar="TEXT")
    direction: tuple[EditRequest, ...] = setting((), DIRECTION_HELP, metavar="NAME")
    force: bool = setting(False, FORCE)

    def __post_init__(self) -> None:
        if self.prompt is not None and self.edit:
            raise UsageError("--prompt and --edit both say what to edit; write all as --edit")
        if self.neutral and self.prompt is None:
            raise UsageError(f"--neutral goes with --prompt; write an --edit as {EDIT_SYNTAX}")
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
        """Apart from the folders of `optimize`, which makes the same prompts."""
        return f"global-dir/{slug(' '.join(request.name for request in self.all))}"

    def edits(
        self,
        alphas: Sequence[Strength] | None,
        betas: Sequence[Strength] | None,
        strengths: Sequence[float] | None,
    ) -> list[Edit]:
        """The edits of a sweep over these values. Raises UsageError where one of these changes nothing."""
        if alphas and strengths:
            raise UsageError("--alpha and --strength both say how far to go; pass one of them")
        if (alphas or strengths) and all(request.alpha is not None for request in self.all):
            option = "--alpha" if alphas else "--strength"
            raise UsageError(f"every edit says its alpha after @; leave out {option}")
        if betas and all(request.beta is not None or request.direction for request in self.all):
            raise UsageError("every edit has its beta already; leave out --beta")
        return [request.as_edit(self.force) for request in self.all]

    def find_directions(self, fetch: Fetch) -> None:
        """Raise WeightError for a direction that is not there, before models are loaded."""
        from styleclip.directions.library import direction_file

        for request in self.direction:
            direction_file(request.direction, fetch)


def parse_edit(text: str) -> EditRequest:
    """`[NEUTRAL ->] TARGET [@ ALPHA[, BETA]]`, with several neutrals apart by ` / `."""
    edit = edits.parse_edit(text, EDIT_SYNTAX)
    return EditRequest(edit.target, edit.neutrals, "", edit.strength, edit.beta)


def parse_direction(text: str) -> EditRequest:
    """`NAME [@ ALPHA]`."""
    try:
        name, alpha = edits.parse_name(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a direction; write it like NAME or NAME @ 4.") from None
    if not name.strip():
        raise ValueError(f"{text!r} names no direction; write it like NAME or NAME @ 4.")
    return EditRequest(direction=name, alpha=alpha)


request_options = option_group(
    "requests", EditRequests, {"edit": Parsed("edit", parse_edit), "direction": Parsed("direction", parse_direction)}
)
