"""Inversions and pasted photos made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from styleclip.alignment.align import Aligned
from styleclip.edit_source import EditSource
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import Inversion
from styleclip.photo_editing import FaceEdit, PhotoEdit
from styleclip.replays.context import Context
from styleclip.replays.edits import edit_again, settings_from

Record = Mapping[str, Any]


def invert_again(context: Context, record: Record, drawn_by: Record | None = None) -> Inversion:
    """The inversion of a record; a child draws it where `drawn_by`, the provenance of an edit, has one."""
    models = context.models(drawn_by or record["provenance"])
    photo = context.photo(record)
    how = invert_settings(context, record)
    return how.invert(models, _chosen(how.frames(models, photo), record), context.on_step)


def photo_source(context: Context, record: Record) -> EditSource:
    """The face of a photo that a result was edited from."""
    provenance = record["provenance"]
    return FaceEdit("", invert_again(context, provenance["source"]["inversion"], provenance)).source


def paste_again(context: Context, record: Record) -> PhotoEdit:
    """The photo of a record, with all its faces edited and pasted back."""
    several = len(record["results"]) > 1
    edited = PhotoEdit(context.photo(record))
    for number, result in enumerate(record["results"], start=1):
        provenance = result["provenance"]
        inversion = invert_again(context, provenance["source"]["inversion"], provenance)
        face = FaceEdit(f"face_{number}" if several else "", inversion)
        face.results[""] = edit_again(context, _with_studio(result, record), face.source)
        edited.faces.append(face)
    edited.paste()
    return edited


def invert_settings(context: Context, record: Record) -> Invert:
    """How the face of a record was found and inverted; without stages, how it was found."""
    stages = {stage["name"]: stage["settings"] for stage in record.get("stages", ())}
    told = dict(record.get("alignment") or {})
    predictor = told.pop("predictor", None)
    return Invert(
        refine=Refine(**settings_from(Refine, stages["refine"])) if "refine" in stages else None,
        tune=PivotalTuning(**settings_from(PivotalTuning, stages["tune"])) if "tune" in stages else None,
        predictor=context.inputs.find(predictor, None, "predictor of landmarks") if predictor else None,
        **told,
    )


def _with_studio(result: Record, record: Record) -> Record:
    """The record of a face with the state of the studio that the photo has."""
    return {**record, **result} if "studio" in record else result


def _chosen(frames: list[Aligned], record: Record) -> Aligned:
    """The frame whose quad is that of the record, or nearest to it."""
    if record["quad"] is None or len(frames) == 1:
        return frames[0]
    quad = np.array(record["quad"])
    distances = [float("inf") if frame.quad is None else np.abs(frame.quad - quad).max() for frame in frames]
    return frames[int(np.argmin(distances))]
