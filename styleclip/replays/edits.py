"""Edits made again: the method, its texts and its files, from the record of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from styleclip.directions.library import DirectionFile
from styleclip.directions.loading import read_direction, read_directions
from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.methods import METHODS, method_class
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.mapper import LatentMapper, load_trained_mapper
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.methods.sliders import Found, Slider
from styleclip.methods.style_direction import StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.regions import Region
from styleclip.replays.context import Context
from styleclip.replays.prompts import recorded_prompt
from styleclip.results import EditResult
from styleclip.settings import settings_of
from styleclip.studio.states.read_state import read_state
from styleclip.studio.states.restore import STUDIO_KEY
from styleclip.studio.states.strokes import region_of
from styleclip.sweep_edits import AnyDirection
from styleclip.sweeps import edit_by_directions

ABOUT = ("mapper", "relevance", "relevance_sha256", "statistics", "statistics_sha256")  # of a provenance, of files

Record = Mapping[str, Any]
Settings = TypeVar("Settings")


def edit_again(context: Context, record: Record, source: EditSource) -> EditResult:
    """The edit of a record, on these latents. Raises UsageError for one that no record tells whole."""
    provenance, method, settings = record["provenance"], record["method"], record["settings"]
    editor, models = Editor(source.models), source.models
    about = {**{name: provenance[name] for name in ABOUT if name in provenance}, "source": source.about}
    region = _region(context, record, models)
    details: Sequence[Record] = provenance.get("directions") or ()
    if method == "sliders":
        pairs = zip(settings["sliders"], details, strict=True)
        sliders = [read_slider(context, models, *pair) for pair in pairs]
        return editor.edit_together(source.latent, sliders, context.on_step, about, region)
    if method == GlobalDirection.name:
        directions = recorded_directions(context, models, record)
        return edit_by_directions(editor, source.latent, directions, context.on_step, about, region)
    prompt = recorded_prompt(record["prompt"], record["neutral"], _claims(details), record.get("force", False))
    if method == LatentMapper.name:
        return editor.edit(source.latent, prompt, _mapper(context, models, record), context.on_step, about, region)
    if method not in METHODS:
        raise UsageError(f"the picture was made by {str(method)[:40]!r}, which is no editor of this version")
    made = method_class(method)(**settings_from(method_class(method), settings))
    return editor.edit(source.latent, prompt, made, context.on_step, about, region)


def recorded_directions(context: Context, models: Models, record: Record) -> list[AnyDirection]:
    """The directions of an edit by `global-dir`, each at its alpha."""
    settings, details = record["settings"], record["provenance"]["directions"]
    edits = settings.get("edits", [settings])
    return [_direction(context, models, *pair) for pair in zip(edits, details, strict=True)]


def settings_from(cls: type[Any], record: Record) -> dict[str, Any]:
    """The settings of a dataclass in a record, in the types of JSON, as arguments; others in the record are left."""
    names = {field.name for field in fields(cls)}
    given = {name: value for name, value in record.items() if name in names}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def read_slider(context: Context, models: Models, settings: Record, details: Record) -> Slider:
    """A slider: of a text, a direction, a mapper, or the step of a finished edit."""
    return Slider(_source(context, models, settings, details), settings["strength"])


def _claims(details: Sequence[Record]) -> list[Record]:
    return [claim for each in details for claim in each.get("claims") or ()]


def _mapper(context: Context, models: Models, record: Record) -> LatentMapper:
    """The mapper of a result, by the name and hash of its file."""
    origin = record["provenance"].get("mapper") or {}
    path = context.inputs.find(origin.get("file"), origin.get("sha256"), "mapper")
    return LatentMapper(load_trained_mapper(path, models), record["settings"]["strength"])


def _direction(context: Context, models: Models, settings: Record, details: Record) -> AnyDirection:
    """A direction of `global-dir`, at its alpha."""
    origin = details.get("relevance") or details  # of a text the relevance says where it comes from
    if "space" in settings or origin.get("source") == "file":
        found = _direction_file(context, models, origin, settings.get("name"))
    else:
        prompt = recorded_prompt(details["target"], details["neutral"], _claims([details]), details.get("force", False))
        method = GlobalDirection(**settings_from(GlobalDirection, settings))
        found = method.find(models, prompt, context.on_step)
    if isinstance(found, StyleDirection) and "space" not in settings:
        found = _with_settings(found, settings)
    unit = {name: settings[name] for name in ("unit", "unit_of") if name in settings}
    return replace(found, **unit).at(settings["alpha"])


def _with_settings(found: StyleDirection, settings: Record) -> StyleDirection:
    """The direction of a file with the settings of the edit, such as how sure CLIP has to be."""
    if found.origin.get("source") != "file":
        return found
    known = {name: settings[name] for name in settings_of(GlobalDirectionSettings) if name in settings}
    return found.with_settings(GlobalDirectionSettings(**{**known, "beta": None, "channels": None}))


def _direction_file(context: Context, models: Models, origin: Record, name: str | None) -> AnyDirection:
    """The direction in a file, by its name where the file has several."""
    path = context.inputs.find(origin.get("file"), origin.get("sha256"), "direction")
    several = name is not None and len(read_directions(path, models)) > 1
    return read_direction(DirectionFile(path, name if several else None), models)


def _source(context: Context, models: Models, settings: Record, details: Record) -> Found:
    if "mapper_strength" in settings:
        path = context.inputs.find(settings.get("file"), settings.get("sha256"), "mapper")
        return LatentMapper(load_trained_mapper(path, models), settings["mapper_strength"])
    if "beta" in settings or "space" in settings:
        alpha = 1.0 if settings["strength"] == "auto" else settings["strength"]
        return _direction(context, models, {**settings, "alpha": alpha}, {**settings, **details})
    if "source_sha256" not in settings:
        raise UsageError("one of the sliders was a step that no file holds; it cannot be made again")
    return StyleStep.load(models, _result_folder(context, settings))


def _result_folder(context: Context, settings: Record) -> Path:
    """The folder of the finished edit that a slider goes along."""
    return context.inputs.find(settings.get("file"), settings.get("sha256"), "result").parent


def _region(context: Context, record: Record, models: Models) -> Region | None:
    """The region of a mask, or of the strokes of the studio; raises UsageError for another one than that recorded."""
    told = record["provenance"].get("region")
    if not told:
        return None
    size = models.generator.image_size
    if STUDIO_KEY in record:
        region = region_of(read_state(record[STUDIO_KEY]).strokes, size)
    else:
        region = Region.load(context.inputs.find(told.get("mask"), None, "mask"), size, told.get("feather", 0.0))
    if region is None or region.record()["sha256"] != told["sha256"]:
        raise UsageError(f"the mask {told.get('mask', '')} is another one now; pass the one that was used with --input")
    return region
