"""The sheet of several directions: a row for each, faces at rising strengths across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL.Image import Image

from styleclip.directions.ganspace import SEED, w_batches
from styleclip.images import fit_to
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.settings import format_number
from styleclip.sheets import SMALL_CELL, join_sheets, labelled_sheet, thumbnails

STRENGTHS = (-1.5, -0.75, 0.75, 1.5)  # in units, left and right of each face
STD_PER_UNIT = 2.0  # standard deviations of W that stand for a unit where it was not measured
W_SAMPLES = 10_000  # by which the deviation along a direction is measured


@dataclass(frozen=True)
class Scale:
    """The alphas of a row: `strengths` times `factor`, both in words.

    Args:
        noun: of what `factor` is the size, "unit" or "std".
        factor: the alpha of strength 1.
        strengths: the columns, without the face itself.
    """

    noun: str
    factor: float
    strengths: tuple[float, ...]


def directions_sheet(
    models: Models,
    directions: Sequence[LatentDirection],
    latent: Latent,
    faces: Sequence[str],
    on_step: OnStep = ignore,
) -> Image:
    """A row for each direction, with every face between its edits at STRENGTHS.

    Directions without a unit move by standard deviations of W along them, STD_PER_UNIT for each unit.

    Args:
        directions: in W or W+; where one has no unit, the units of the others are left aside.
        latent: the faces, in W+.
        faces: their labels.
        on_step: a step counts rows.
    """
    scales = sheet_scales(models, directions)
    labels = [f"{each.name}\n{scale.noun} {scale.factor:.2g}" for each, scale in zip(directions, scales, strict=True)]
    before = thumbnails(models.render(latent))
    rows: list[list[list[Image]]] = []  # of each direction, the row of each face
    for direction, scale in zip(directions, scales, strict=True):
        edits = [thumbnails(models.render(edited)) for edited in _edited(latent, direction, scale)]
        middle = len(edits) // 2
        columns = [*edits[:middle], before, *edits[middle:]]
        rows.append([[fit_to(column[i], SMALL_CELL) for column in columns] for i in range(len(faces))])
        on_step(Step(len(rows), len(directions), stage="sheet"))
    sheets = []
    for i, face in enumerate(faces):
        table = [row[i] for row in rows]
        sheets.append(labelled_sheet(table, _column_labels(scales[0], face), () if i else labels, SMALL_CELL))
    return join_sheets(sheets)


def sheet_scales(models: Models, directions: Sequence[LatentDirection]) -> list[Scale]:
    """The scale of each row: the units, or where not all have one the deviations of W along the directions."""
    units = [each.unit for each in directions if each.unit is not None]
    if len(units) == len(directions):
        return [Scale("unit", unit, STRENGTHS) for unit in units]
    w = torch.cat([*w_batches(models.generator, W_SAMPLES, SEED)])
    strengths = tuple(STD_PER_UNIT * strength for strength in STRENGTHS)
    return [Scale("std", std_of_alpha(w, each), strengths) for each in directions]


def std_of_alpha(w: torch.Tensor, direction: Direction) -> float:
    """The standard deviation, in alphas, of samples of W [N, w_dim] along a direction in W or W+."""
    step = (
        direction.data[0] if direction.space is Space.W else direction.data[0, direction.data[0].any(dim=1)].mean(dim=0)
    )
    return ((w @ step.to(w)).std() / step.square().sum()).item()


def _edited(latent: Latent, direction: LatentDirection, scale: Scale) -> Iterator[Latent]:
    for strength in scale.strengths:
        yield latent + strength * scale.factor * direction


def _column_labels(scale: Scale, face: str) -> list[str]:
    words = "strength {}" if scale.noun == "unit" else "{} std"
    labels = [words.format(format_number(strength)) for strength in scale.strengths]
    middle = len(labels) // 2
    return [*labels[:middle], face, *labels[middle:]]
