"""What a call of `styleclip evaluate` asks to be measured: editors, mappers, directions, prompts and faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.from_settings import read_settings
from styleclip.cli.options.sliders import NamedSlider
from styleclip.cli.options.types import Parsed
from styleclip.errors import UsageError
from styleclip.methods import method_class, settings_methods

if TYPE_CHECKING:
    from styleclip.methods.mapper import LatentMapper
    from styleclip.methods.sliders import Slider
    from styleclip.models import Models

DEFAULT_EDITOR = "optimize"


@dataclass(frozen=True)
class NamedEditor:
    """An editor by its name, with settings as NAME=VALUE."""

    name: str
    settings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return " ".join([self.name, *self.settings])

    def values(self) -> dict[str, Any]:
        """The settings. Raises UsageError for one that the editor does not have."""
        return read_settings(method_class(self.name), self.settings)


def parse_editor(text: str) -> NamedEditor:
    """`global-dir alpha=4 beta=0.1`: the name of an editor and its settings."""
    name, *settings = text.split()
    if name not in settings_methods():
        choices = ", ".join(map(repr, settings_methods()))
        raise ValueError(f"{name!r} is not one of {choices}.")
    return NamedEditor(name, tuple(settings))


@dataclass(frozen=True)
class EvaluationRequest:
    """The options that say what is measured, on which faces and by which prompts."""

    editors: tuple[NamedEditor, ...] = ()
    settings: tuple[str, ...] = ()
    mappers: tuple[str, ...] = ()
    directions: tuple[NamedSlider, ...] = ()
    set_name: str | None = None
    seeds: tuple[int, ...] | None = None
    prompt_file: Path | None = None

    def any_editor(self) -> bool:
        """Whether an editor, or the prompts for one, were named."""
        named = (self.editors, self.settings, self.mappers, self.directions, self.set_name, self.prompt_file)
        return any(named)

    def named_editors(self) -> list[NamedEditor]:
        """The editors with their settings; the default one where nothing else is named. Raises UsageError for settings
        that fit none of them."""
        if not self.editors and (self.mappers or self.directions) and not self.settings:
            return []
        editors = self.editors or (NamedEditor(DEFAULT_EDITOR),)
        if self.settings and len(editors) > 1:
            raise UsageError('--setting is for one editor; write the settings with each: "global-dir alpha=4"')
        found = [replace(each, settings=(*each.settings, *self.settings)) for each in editors]
        for each in found:
            each.values()
        return found

    def find_files(self, common: CommonOptions) -> list[Path]:
        """The files of the mappers; those of the directions are fetched too. Raises WeightError for unknown names."""
        from styleclip.directions.library import direction_file
        from styleclip.weights.locate import mapper_file

        files = [mapper_file(each, common.fetch) for each in self.mappers]
        for each in self.directions:
            direction_file(each.name, common.fetch)
        return files

    def load_sliders(self, common: CommonOptions, models: Models) -> list[Slider]:
        """The directions at their strengths. Raises WeightError for an unknown name."""
        from styleclip.directions.loading import load_direction
        from styleclip.methods.sliders import Slider

        found = [load_direction(each.name, models, common.fetch) for each in self.directions]
        return [
            Slider(direction, direction.alpha if each.strength is None else each.strength)
            for direction, each in zip(found, self.directions, strict=True)
        ]


def load_mappers(files: Sequence[Path], models: Models) -> list[LatentMapper]:
    """The mappers of these files."""
    from styleclip.methods.mapper import LatentMapper, load_trained_mapper

    return [LatentMapper(load_trained_mapper(file, models)) for file in files]


editor_type = Parsed("editor", parse_editor)
