"""Sheets made again: those of samples, of strengths and of children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL.Image import Image

from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.images import to_pil
from styleclip.methods.mapper import LatentMapper
from styleclip.region_editor import RegionEditor
from styleclip.replays.context import Context
from styleclip.replays.edits import edit_again, recorded_directions
from styleclip.replays.photos import photo_source
from styleclip.replays.remade import Remade, pictures_alone
from styleclip.results import EditResult
from styleclip.sheets import View, contact_sheet, faces_sheet, thumbnails
from styleclip.storage.recording import PICTURE
from styleclip.sweep_combinations import Combination
from styleclip.sweep_sheets import SweepSummary, strength_sheet, sweep_sheet
from styleclip.sweeps import SweepResult

VIEWS, COMBINATIONS = "views", "combinations"  # keys of the records of sheets

Record = Mapping[str, Any]


def samples_again(context: Context, record: Record) -> Remade:
    """The samples of a record: the picture that carries it, or the sheet of all."""
    models = context.models(record, clip_on_use=True)
    editor, seeds = Editor(models), list(record["seeds"])
    latent = editor.sample(seeds=seeds, psi=record["psi"])
    if "seed" in record:
        [picture] = to_pil(editor.render(latent[seeds.index(record["seed"])]), keep_channels=True)
    else:
        pictures = [to_pil(editor.render(latent[row]))[0] for row in range(len(seeds))]
        picture = contact_sheet(pictures, [f"seed {seed}" for seed in seeds])
    about = {**record, **models.provenance}
    about.pop(PICTURE, None)
    return pictures_alone(about, {str(record.get(PICTURE, "sheet.png")): picture})


def source_again(context: Context, record: Record) -> EditSource:
    """The latents that a result was edited from: samples, those of a file, or the face of a photo."""
    told = record["provenance"].get("source") or {}
    return photo_source(context, record) if "image" in told else context.source(record["provenance"])


def sheet_again(context: Context, record: Record) -> Remade:
    """The sheet of several results of the same latents."""
    records = record["results"]
    sources = [source_again(context, each) for each in records]
    results = [edit_again(context, each, source) for each, source in zip(records, sources, strict=True)]
    name = str(record.get(PICTURE, "grid.png"))
    told = {key: value for key, value in record.items() if key != PICTURE}
    picture = _draw(context, record, sources[0], results)
    return pictures_alone({**told, "results": [each.record() for each in results]}, {name: picture})


def _draw(context: Context, record: Record, source: EditSource, results: list[EditResult]) -> Image:
    region, models = results[0].region, source.models
    editor = RegionEditor(models, region, source.latent) if region else Editor(models)
    if VIEWS in record:
        views = [View(name, "", thumbnails(each.after)) for name, each in zip(record[VIEWS], results, strict=True)]
        return faces_sheet(thumbnails(results[0].before), views, source.names)
    if results[0].method == LatentMapper.name:
        strengths = {float(each.settings["strength"]): each for each in results}
        return strength_sheet(editor, strengths, source.names)
    if COMBINATIONS not in record:
        raise UsageError("the record of the sheet does not say which strengths were asked for; replay its results")
    summaries = []
    for told, each, asked in zip(record["results"], results, record[COMBINATIONS], strict=True):
        directions = recorded_directions(context, source.models, told)
        summaries.append(SweepSummary.of(editor, SweepResult(Combination(*asked), directions, each)))
    return sweep_sheet(editor, summaries, source.names)
