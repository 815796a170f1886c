"""`styleclip sliders`: edit faces by several sliders at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from styleclip.cli.options.common import CommonOptions, common_options, explain_option, given_neutral
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.options.types import Parsed
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.settings import setting
from styleclip.text import edits
from styleclip.text.names import slug

if TYPE_CHECKING:
    from styleclip.methods.sliders import Slider
    from styleclip.models import Models
    from styleclip.progress import OnStep
    from styleclip.weights.cache import Fetch

EDIT_SYNTAX = '"[NEUTRAL ->] TARGET [@ STRENGTH[, BETA]]"'
NOTHING = "nothing says what to edit; pass --edit, --direction, --mapper or --result"


@dataclass(frozen=True)
class NamedSlider:
    """A slider by the name of its file, folder or mapper."""

    name: str
    strength: float = 1.0


@dataclass(frozen=True)
class TextSlider:
    """A slider by its texts."""

    target: str
    neutrals: tuple[str, ...] = ()
    strength: float = 1.0
    beta: float | None = None

    def slider(self, relevance: Literal["auto", "regression", "table", "gradient"]) -> Slider:
        """Raises UsageError for empty texts."""
        import styleclip

        prompt = styleclip.Prompt(self.target, given_neutral(self.neutrals))
        return styleclip.Slider(prompt, self.strength, self.beta, relevance)


@dataclass(frozen=True)
class SliderRequests:
    """All sliders of one call; the strength of each is 1 where it is left out."""

    edit: tuple[TextSlider, ...] = setting(
        (), f"A slider by texts: {EDIT_SYNTAX}; may be given again. Several neutrals: A / B -> TARGET.", metavar="TEXT"
    )
    direction: tuple[NamedSlider, ...] = setting(
        (), 'A slider by what global-dir --save-direction wrote: "FILE [@ STRENGTH]".', metavar="FILE"
    )
    mapper: tuple[NamedSlider, ...] = setting(
        (), 'A slider by a latent mapper: "NAME [@ STRENGTH]"; also a file or URL.', metavar="NAME"
    )
    result: tuple[NamedSlider, ...] = setting(
        (), 'A slider by the change that a finished edit made, on any face: "FOLDER [@ STRENGTH]".', metavar="FOLDER"
    )
    relevance: Literal["auto", "regression", "table", "gradient"] = setting(
        "auto",
        "Where the directions of texts come from; auto is the regression, unless there is only a table.",
    )

    def __post_init__(self) -> None:
        if not (self.edit or self.direction or self.mapper or self.result):
            raise UsageError(NOTHING)
        if self.relevance != "auto" and not self.edit:
            raise UsageError("--relevance says where the direction of a text comes from; pass it with --edit")

    @property
    def folder(self) -> str:
        names = [Path(each.name).stem for each in (*self.direction, *self.mapper, *self.result)]
        return f"sliders/{slug(' '.join([*(each.target for each in self.edit), *names]))}"

    def texts(self) -> list[Slider]:
        """The sliders by texts. Raises UsageError for empty ones."""
        return [each.slider(self.relevance) for each in self.edit]

    def mapper_files(self, fetch: Fetch) -> list[Path]:
        """The files of the mappers. Raises WeightError for an unknown name."""
        from styleclip.weights.locate import mapper_file

        return [mapper_file(each.name, fetch) for each in self.mapper]

    def load(self, models: Models, mappers: Sequence[Path], on_step: OnStep) -> list[Slider]:
        """All sliders, read and found: the slow part, which is the same for all faces."""
        from styleclip.directions.loading import load_direction
        from styleclip.methods.mapper import LatentMapper, load_trained_mapper
        from styleclip.methods.sliders import Slider
        from styleclip.methods.style_step import StyleStep

        sliders = [Slider(load_direction(each.name, models), each.strength) for each in self.direction]
        for each, path in zip(self.mapper, mappers, strict=True):
            sliders.append(Slider(LatentMapper(load_trained_mapper(path, models)), each.strength))
        sliders += [Slider(StyleStep.load(models, each.name), each.strength) for each in self.result]
        return sliders + [Slider(each.find(models, on_step), each.strength) for each in self.texts()]


def parse_text_slider(text: str) -> TextSlider:
    """`[NEUTRAL ->] TARGET [@ STRENGTH[, BETA]]`."""
    edit = edits.parse_edit(text, EDIT_SYNTAX)
    if edit.strength == "auto" or edit.beta == "auto":
        raise ValueError(f"{text!r} leaves a number to auto, which a slider has none of; write it, e.g. 1.")
    return TextSlider(edit.target, edit.neutrals, 1.0 if edit.strength is None else edit.strength, edit.beta)


def parse_mapper(text: str) -> NamedSlider:
    """`NAME [@ STRENGTH]`."""
    try:
        name, strength = edits.parse_name(text)
    except ValueError:
        strength = "auto"
    if strength == "auto":
        raise ValueError(f"{text!r} has no number as strength; write it like NAME or NAME @ 0.8.")
    return NamedSlider(name, 1.0 if strength is None else strength)


def parse_direction(text: str) -> NamedSlider:
    """`FILE [@ STRENGTH]`."""
    named = parse_mapper(text)
    if not Path(named.name).is_file():
        raise ValueError(f"there is no file {named.name}; pass one that --save-direction wrote.")
    return named


def parse_result(text: str) -> NamedSlider:
    """`FOLDER [@ STRENGTH]`."""
    named = parse_mapper(text)
    if not Path(named.name).is_dir():
        raise ValueError(f"there is no folder {named.name}; pass one with the result of an edit.")
    return named


request_options = option_group(
    "requests",
    SliderRequests,
    {
        "edit": Parsed("edit", parse_text_slider),
        "direction": Parsed("direction", parse_direction),
        "mapper": Parsed("mapper", parse_mapper),
        "result": Parsed("result", parse_result),
    },
)


@click.command()
@request_options
@source_options
@pasted_photo_options
@explain_option
@common_options
def sliders(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    requests: SliderRequests,
    explain: bool,
) -> None:
    """Edit faces by several sliders that add up, in any order the same: texts, directions, mappers, finished edits.

    Each step is found for the face as it is; strength 1 is the whole step, 0 none, and a negative one reverses it.
    """
    import styleclip
    from styleclip.cli.edit_jobs import edit_jobs
    from styleclip.methods.slider_edit import check_texts
    from styleclip.results import RESULT_FILES

    photos.check(source)
    requests.texts()
    mappers = requests.mapper_files(common.fetch)
    folder = common.folder(requests.folder, RESULT_FILES)
    editor = styleclip.Editor(common.load(encoder=photos.encoder))
    with Progress("sliders", common.quiet) as progress:
        found = requests.load(editor.models, mappers, progress)
    check_texts(editor.models, found)  # before photos are inverted, which takes long
    for job in edit_jobs(common, source, photos, editor, folder):
        with job:
            for face in job.faces():
                result = face.editor.edit_together(face.latent, found, about=face.about)
                face.save(result)
                if explain and not common.as_json:
                    print_lines(*result.explanation())
                if result.interrupted:
                    face.interrupted = "Interrupted; kept the sliders that were applied by then"
