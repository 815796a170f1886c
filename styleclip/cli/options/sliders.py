"""The options of `styleclip sliders` that say what to edit: texts, directions, mappers, finished edits, children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from styleclip.cli.options.common import FORCE, given_neutral
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.types import Parsed
from styleclip.errors import UsageError
from styleclip.settings import Strength, format_number, setting
from styleclip.text import edits
from styleclip.text.names import different_names, name_title, slug

if TYPE_CHECKING:
    from styleclip.methods.sliders import Found, Slider
    from styleclip.models import Models
    from styleclip.progress import OnStep
    from styleclip.weights.cache import Fetch

EDIT_SYNTAX = '"[NEUTRAL ->] TARGET [@ STRENGTH[, BETA]]"'
NOTHING = "nothing says what to edit; pass --edit, --direction, --mapper, --result or --child"


PARENT_KEY = "parent"  # the folder of the results of the generator itself, beside those of its children


@dataclass(frozen=True)
class NamedSlider:
    """A slider by the name of its direction, file, folder or mapper; a strength of None is left to --strength."""

    name: str
    strength: Strength | None = None


@dataclass(frozen=True)
class TextSlider:
    """A slider by its texts; a strength of None is left to --strength."""

    target: str
    neutrals: tuple[str, ...] = ()
    strength: Strength | None = None
    beta: float | None = None

    def slider(self, relevance: Literal["auto", "regression", "table", "gradient"], force: bool) -> Slider:
        """Raises UsageError for empty texts. `force` is that of `Prompt`."""
        import styleclip

        prompt = styleclip.Prompt(self.target, given_neutral(self.neutrals), force)
        return styleclip.Slider(prompt, beta=self.beta, relevance=relevance)


@dataclass(frozen=True)
class SliderRequests:
    """All sliders of one call; the strength of each is that of --strength where it is left out, else 1."""

    edit: tuple[TextSlider, ...] = setting(
        (), f"A slider by texts: {EDIT_SYNTAX}; may be given again. Several neutrals: A / B -> TARGET.", metavar="TEXT"
    )
    direction: tuple[NamedSlider, ...] = setting(
        (),
        'A slider by a direction: "NAME [@ STRENGTH]", of the library or the catalog; also PACK:NAME, a file or URL.',
        metavar="NAME",
    )
    mapper: tuple[NamedSlider, ...] = setting(
        (), 'A slider by a latent mapper: "NAME [@ STRENGTH]"; also a file or URL.', metavar="NAME"
    )
    result: tuple[NamedSlider, ...] = setting(
        (), 'A slider by the change that a finished edit made, on any face: "FOLDER [@ STRENGTH]".', metavar="FOLDER"
    )
    child: tuple[NamedSlider, ...] = setting(
        (),
        'Draw the faces by a child of the generator, too: "FILE [@ AMOUNT]"; may be given again. All are on '
        "children.png.",
        metavar="FILE",
    )
    relevance: Literal["auto", "regression", "table", "gradient"] = setting(
        "auto",
        "Where the directions of texts come from; auto is the regression, unless there is only a table.",
    )
    force: bool = setting(False, FORCE)
    strength: float | None = setting(
        None, "Calibrated strength of those without a number: 1 changes faces as much as any other at 1.", metavar="F"
    )

    def __post_init__(self) -> None:
        if not (self.all or self.child):
            raise UsageError(NOTHING)
        if self.strength is not None and all(each.strength is not None for each in self.all):
            raise UsageError("every slider says its strength after @; leave out --strength")
        if self.relevance != "auto" and not self.edit:
            raise UsageError("--relevance says where the direction of a text comes from; pass it with --edit")

    @property
    def all(self) -> Sequence[NamedSlider | TextSlider]:
        return [*self.direction, *self.mapper, *self.result, *self.edit]

    @property
    def folder(self) -> str:
        names = [name_title(each.name) for each in self.direction]
        names += [Path(each.name).stem for each in (*self.mapper, *self.result)]
        return f"sliders/{slug(' '.join([*(each.target for each in self.edit), *names]))}"

    @property
    def child_names(self) -> list[str]:
        """The folders of the results of the generator itself and of its children; one "" without children."""
        names = [_child_folder(each) for each in self.child]
        return different_names([PARENT_KEY, *names]) if names else [""]

    def texts(self) -> list[Slider]:
        """The sliders by texts. Raises UsageError for empty ones."""
        return [each.slider(self.relevance, self.force) for each in self.edit]

    def find_files(self, fetch: Fetch) -> list[Path]:
        """The files of the mappers. Raises WeightError for an unknown name, also of a direction."""
        from styleclip.directions.library import direction_file
        from styleclip.weights.locate import generator_file, mapper_file

        for each in self.direction:
            direction_file(each.name, fetch)
        for each in self.child:
            generator_file(each.name, fetch)
        return [mapper_file(each.name, fetch) for each in self.mapper]

    def load(self, models: Models, mappers: Sequence[Path], fetch: Fetch, on_step: OnStep) -> list[Slider]:
        """All sliders, read, found and calibrated: the slow part, which is the same for all faces."""
        from styleclip.directions.loading import load_direction
        from styleclip.methods.mapper import LatentMapper, load_trained_mapper
        from styleclip.methods.slider_edit import check_texts
        from styleclip.methods.style_step import StyleStep

        texts = self.texts()
        check_texts(models, texts)
        found: list[Found] = [load_direction(each.name, models, fetch) for each in self.direction]
        found += [LatentMapper(load_trained_mapper(path, models)) for path in mappers]
        found += [StyleStep.load(models, each.name) for each in self.result]
        found += [each.find(models, on_step) for each in texts]
        return [self._slider(models, *pair, on_step) for pair in zip(found, self.all, strict=True)]

    def load_children(self, models: Models, fetch: Fetch) -> list[Models]:
        """The models of the children."""
        from styleclip.children import load_child

        return [load_child(each.name, models, _amount(each), fetch=fetch) for each in self.child]

    def _slider(self, models: Models, found: Found, request: NamedSlider | TextSlider, on_step: OnStep) -> Slider:
        """A slider at its own strength, else at --strength times its unit, else at 1."""
        from styleclip.directions.calibration import calibrate, calibrated
        from styleclip.methods.latent_direction import LatentDirection
        from styleclip.methods.sliders import Slider
        from styleclip.methods.style_direction import StyleDirection

        if request.strength is not None or self.strength is None:
            return Slider(found, 1.0 if request.strength is None else request.strength)
        if not isinstance(found, StyleDirection | LatentDirection):
            return Slider(found, self.strength * calibrate(models, found, on_step).unit)
        found = calibrated(found, models, on_step)
        return Slider(found, self.strength * (found.unit or 1.0))


def parse_text_slider(text: str) -> TextSlider:
    """`[NEUTRAL ->] TARGET [@ STRENGTH[, BETA]]`."""
    edit = edits.parse_edit(text, EDIT_SYNTAX)
    if edit.beta == "auto":
        raise ValueError(f"{text!r} leaves beta to auto, which is only for a table; write a number, e.g. 0.1.")
    return TextSlider(edit.target, edit.neutrals, edit.strength, edit.beta)


def parse_direction(text: str) -> NamedSlider:
    """`NAME [@ STRENGTH]`."""
    try:
        name, strength = edits.parse_name(text)
    except ValueError:
        raise ValueError(f"{text!r} has no number as strength; write it like NAME or NAME @ 0.8.") from None
    if not name.strip():
        raise ValueError(f"{text!r} has no name; write it like NAME or NAME @ 0.8.")
    return NamedSlider(name, strength)


def parse_mapper(text: str) -> NamedSlider:
    """`NAME [@ STRENGTH]`, of which no strength is "auto"."""
    named = parse_direction(text)
    if named.strength == "auto":
        raise ValueError(f"{text!r} has no number as strength; write it like NAME or NAME @ 0.8.")
    return named


def parse_child(text: str) -> NamedSlider:
    """`FILE [@ AMOUNT]`."""
    named = parse_mapper(text)
    if not 0 <= _amount(named) <= 1:
        raise ValueError(f"{text!r} has an amount outside 0..1; write it like FILE or FILE @ 0.7.")
    return named


def _child_folder(child: NamedSlider) -> str:
    amount = "" if child.strength is None else f"-{format_number(_amount(child))}"
    return slug(name_title(child.name)) + amount


def _amount(child: NamedSlider) -> float:
    return 1.0 if child.strength is None else float(child.strength)


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
        "child": Parsed("child", parse_child),
    },
)
