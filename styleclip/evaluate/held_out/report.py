"""The report of a held-out evaluation: every edit, its judges, and how it was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from styleclip.errors import UsageError
from styleclip.evaluate.held_out.measurements import EditMeasurement, EditPictures, MeasuredPrompt, SetMeasurement
from styleclip.evaluate.left_out import LeftOut
from styleclip.text.text_files import read_text

MAX_REPORT_BYTES = 2**28
KIND = "held-out evaluation"


@dataclass(frozen=True)
class HeldOutReport:
    """Editors on prompts, pictures and strengths, measured by networks that no editor follows.

    Args:
        editors: label -> settings; "nothing" and "random" are always among them.
        prompts: the prompts.
        strengths: multiples of every editor's own step.
        images: all sources, also those that lack nothing.
        judges: what measures: the held-out CLIP, the recogniser with its detector and crop, LPIPS, the bank of
            attributes, each with its hash.
        protocol: seeds or folder, how the region of a prompt was found, limits of a clean edit, number and seed of the
            bootstrap samples.
        provenance: of the models that edited.
        measurements: one for each editor, prompt, strength and source.
        sets: measures of all edits of an editor at a strength.
        left_out: the photos and prompts that could not be measured.
        pictures: for sheets; not part of the JSON.
    """

    editors: Mapping[str, Mapping[str, Any]]
    prompts: Sequence[MeasuredPrompt]
    strengths: Sequence[float]
    images: Sequence[str]
    judges: Mapping[str, Any]
    protocol: Mapping[str, Any]
    provenance: Mapping[str, Any]
    measurements: Sequence[EditMeasurement]
    sets: Sequence[SetMeasurement] = ()
    left_out: Sequence[LeftOut] = ()
    pictures: Sequence[EditPictures] = field(default=(), compare=False, repr=False)

    def rows(
        self, editor: str | None = None, prompt: str | None = None, strength: float | None = None
    ) -> list[EditMeasurement]:
        """The edits of an editor, a prompt and a strength; None stands for all."""
        return [
            each
            for each in self.measurements
            if editor in (None, each.editor) and prompt in (None, each.prompt) and strength in (None, each.strength)
        ]

    def to_json(self) -> dict[str, Any]:
        """The content of report.json; `load_held_out_report` reads it."""
        names = ("editors", "strengths", "images", "judges", "protocol", "provenance")
        return {
            "kind": KIND,
            **{name: getattr(self, name) for name in names},
            "prompts": [asdict(each) for each in self.prompts],
            "left_out": [asdict(each) for each in self.left_out],
            "sets": [asdict(each) for each in self.sets],
            "edits": [asdict(each) for each in self.measurements],
        }


def load_held_out_report(path: Path) -> HeldOutReport:
    """The report in a report.json, without pictures. Raises UsageError for another file."""
    try:
        record = json.loads(read_text(path, MAX_REPORT_BYTES))
        if record["kind"] != KIND:
            raise ValueError(record["kind"])
        edits = [EditMeasurement(**{**each, "flipped": tuple(each["flipped"])}) for each in record["edits"]]
        prompts = [MeasuredPrompt(**{**each, "neutral": tuple(each["neutral"])}) for each in record["prompts"]]
        names = ("editors", "strengths", "images", "judges", "protocol", "provenance")
        sets = [SetMeasurement(**each) for each in record["sets"]]
        shared = {name: record[name] for name in names}
        left_out = [LeftOut(**each) for each in record.get("left_out", [])]
        return HeldOutReport(**shared, prompts=prompts, measurements=edits, sets=sets, left_out=left_out)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is not a report of `styleclip evaluate` with --judge-clip; pass a report.json"
        ) from error
