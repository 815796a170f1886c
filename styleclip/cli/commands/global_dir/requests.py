"""The options of `global-dir` that say what to edit: prompts, edits in one line, and saved directions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from styleclip.cli.options.common import given_neutral
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.types import Parsed
from styleclip.errors import UsageError
from styleclip.settings import Strength, setting
from styleclip.text import edits
from styleclip.text.names import slug

if TYPE_CHECKING:
    from styleclip.sweeps import Edit

EDIT_SYNTAX = '"[NEUTRAL ->] TARGET [@ ALPHA[, BETA]]"'
EDIT_HELP = f"In place of --prompt, any number of {EDIT_SYNTAX}, made in turn. Several neutrals: A / B -> TARGET."
DIRECTION_HELP = 'An edit that --save-direction wrote, made before the others; "FILE @ ALPHA" sets its strength.'


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

    def edit(self) -> Edit:
        """Raises UsageError for empty texts."""
        import styleclip
        from styleclip.sweeps import Edit

        if self.saved is not None:
            return Edit(self.saved, self.alpha, self.beta)
        return Edit(styleclip.Prompt(self.target, given_neutral(self.neutrals)), self.alpha, self.beta)


@dataclass(frozen=True)
class EditRequests:
    """All edits of one call, to be made in turn: first the saved ones."""

    prompt: str | None = setting(None, "What the picture shall show.", metavar="TEXT")
    neutral: tuple[str, ...] = setting(
        (), "What it shows now; several texts are averaged.  [default: a face]", metavar="TEXT"
    )
    edit: tuple[EditRequest, ...] = setting((), EDIT_HELP, metavar="TEXT")
    direction: tuple[EditRequest, ...] = setting((), DIRECTION_HELP, metavar="FILE")

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

    def edits(self, alphas: tuple[Strength, ...] | None, betas: tuple[Strength, ...] | None) -> list[Edit]:
        """The edits of a sweep over `alphas` and `betas`. Raises UsageError where one of these changes nothing."""
        if alphas and all(request.alpha is not None for request in self.all):
            raise UsageError("every edit says its alpha after @; leave out --alpha")
        if betas and all(request.beta is not None or request.saved for request in self.all):
            raise UsageError("every edit has its beta already; leave out --beta")
        return [request.edit() for request in self.all]


def parse_edit(text: str) -> EditRequest:
    """`[NEUTRAL ->] TARGET [@ ALPHA[, BETA]]`, with several neutrals apart by ` / `."""
    edit = edits.parse_edit(text, EDIT_SYNTAX)
    return EditRequest(edit.target, edit.neutrals, None, edit.strength, edit.beta)


def parse_direction(text: str) -> EditRequest:
    """`FILE [@ ALPHA]`."""
    try:
        name, alpha = edits.parse_name(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a saved direction; write it like FILE or FILE @ 4.") from None
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; pass one that --save-direction wrote.")
    return EditRequest(saved=path, alpha=alpha)


request_options = option_group(
    "requests", EditRequests, {"edit": Parsed("edit", parse_edit), "direction": Parsed("direction", parse_direction)}
)
