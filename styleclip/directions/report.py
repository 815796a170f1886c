"""What `direction show` tells of a direction: its unit, useful range and drift, facts of its file, and a strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from PIL.Image import Image

from styleclip.directions.calibration import calibrated
from styleclip.directions.drift import fixed_faces, measure_of, see_pictures
from styleclip.directions.useful_range import find_range
from styleclip.images import fit_to
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.sliders import add_steps, offset_in_s, step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.sheets import SMALL_CELL, labelled_sheet, thumbnails

DRIFT_FACES = 64  # of fixed seeds
STRIP_SHARES = (-1.0, -2 / 3, -1 / 3, 0.0, 1 / 3, 2 / 3, 1.0)  # of the ends of the range, 0 the face itself
DIGITS = 4  # of a distance


@dataclass(frozen=True)
class Drift:
    """How far a direction moves pictures at an alpha, as the mean of 1 - cosine over fixed faces.

    Args:
        alpha: counted from the coordinate that each face has, where the direction is absolute.
        identity: by the face-recognition features; None where the models have no such network.
        clip: by CLIP's features.
    """

    alpha: float
    identity: float | None
    clip: float


@dataclass(frozen=True)
class DirectionReport:
    """A direction with its unit and range, and its drift.

    Args:
        direction: with `unit` measured, and `range` where its file had none.
        measured_range: the useful range that `find_range` found.
        per_unit: the drift at -1 and at 1 unit.
        at_ends: the drift at both ends of the measured range.
    """

    direction: StyleDirection | LatentDirection
    measured_range: tuple[float, float]
    per_unit: tuple[Drift, Drift]
    at_ends: tuple[Drift, Drift]

    def record(self, models: Models) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            **direction_facts(self.direction, models),
            "measured_range": self.measured_range,
            "drift_per_unit": [asdict(each) for each in self.per_unit],
            "drift_at_ends": [asdict(each) for each in self.at_ends],
        }


def report_direction(
    models: Models, direction: StyleDirection | LatentDirection, on_step: OnStep = ignore, faces: int = DRIFT_FACES
) -> DirectionReport:
    """Measure the unit of a direction, unless it has one, its useful range and its drift, on so many fixed faces.

    Raises UsageError for a direction that moves no picture.
    """
    direction = calibrated(direction, models, on_step, faces)
    low, high = find_range(models, direction, on_step, faces)
    unit = direction.unit or 1.0
    alphas = (-unit, unit, low, high)
    drifts = []
    for alpha in alphas:
        drifts.append(measure_drift(models, direction, alpha, faces))
        on_step(Step(len(drifts), len(alphas), {"alpha": alpha}, stage="drift"))
    kept = direction if direction.range else replace(direction, range=(low, high))
    return DirectionReport(kept, (low, high), (drifts[0], drifts[1]), (drifts[2], drifts[3]))


@torch.no_grad()
def measure_drift(models: Models, direction: StyleDirection | LatentDirection, alpha: float, count: int) -> Drift:
    """The drift of `count` fixed faces at an alpha."""
    faces = fixed_faces(models, count)
    step = step_in_s(models, direction, faces.latent, faces.features.clip)
    seen = see_pictures(models, add_steps(faces.in_s(models), [(alpha, step)]))
    identity, clip = (
        round(faces.features.distance(seen, measure).mean().item(), DIGITS) for measure in ("identity", "clip")
    )
    return Drift(alpha, identity if measure_of(models) == "identity" else None, clip)


def direction_facts(direction: StyleDirection | LatentDirection, models: Models) -> dict[str, Any]:
    """What is known of a direction, as JSON values. Of a direction in S or W+ `layers` are those that move."""
    facts: dict[str, Any] = {"unit": direction.unit, "unit_of": direction.unit_of, "range": direction.range}
    if isinstance(direction, StyleDirection):
        prompt, layout = direction.prompt, models.generator.layout
        table = direction.channel_table(layout)
        names = {row["layer"] for row in table}
        return {
            "space": Space.S.value,
            "target": prompt.target,
            "neutral": prompt.recorded_neutral,
            "layers": [entry.name for entry in layout.entries if entry.name in names],
            "channels": len(table),
            "absolute": False,
            **facts,
            "generator": models.generator_fingerprint,
            "licence": "",
            "origin": dict(direction.origin),
        }
    moved = int((direction.step(models).data != 0).sum())
    return {
        "space": direction.space.value,
        "target": direction.prompt.target if direction.prompt else None,
        "neutral": direction.prompt.recorded_neutral if direction.prompt else None,
        "layers": direction.layers or "all",
        "channels": moved,
        "absolute": direction.center is not None,
        **facts,
        "generator": direction.generator,
        "licence": direction.licence,
        "origin": dict(direction.origin),
    }


@torch.no_grad()
def direction_strip(
    models: Models, report: DirectionReport, source: Latent, faces: Sequence[str], on_step: OnStep = ignore
) -> Image:
    """A row for each face, from the lowest to the highest useful alpha; the unedited face stands in the middle.

    Args:
        models: the models of an editor.
        report: with the range to show.
        source: the faces, in Z, W or W+.
        faces: their labels.
        on_step: a step counts columns.
    """
    direction, (low, high) = report.direction, report.measured_range
    in_s = models.generator.to_space(source.to(models.device), Space.S)
    step = step_in_s(models, direction, source)
    offset = offset_in_s(models, direction, source)
    columns, labels = [], []
    for share in STRIP_SHARES:
        alpha = share * high if share > 0 else -share * low
        moves: list[tuple[float, Direction]] = [(alpha, step), *([(1.0, offset)] if offset else [])]
        edited = add_steps(in_s, moves if share else [])
        columns.append([fit_to(picture, SMALL_CELL) for picture in thumbnails(models.render(edited))])
        labels.append(alpha_label(alpha, direction.unit) if share else "the face")
        on_step(Step(len(columns), len(STRIP_SHARES), stage="strip"))
    return labelled_sheet([*zip(*columns, strict=True)], labels, faces, SMALL_CELL)


def alpha_label(alpha: float, unit: float | None) -> str:
    """An alpha, and below it the strength that it is."""
    strength = f"\nstrength {alpha / unit:.2g}" if unit else ""
    return f"alpha {alpha:.3g}{strength}"
