"""How `global-dir` lays out many pictures: a labelled sheet, and the frames of a sweep. Imported when it works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL.Image import Image
from torch import Tensor

from styleclip.editor import Editor
from styleclip.images import fit_to, to_pil
from styleclip.latents import Latent
from styleclip.sheets import labelled_sheet, stack_sheets

FACES = 8  # side by side
LARGE, SMALL, FEW = 256, 128, 4  # px of a cell: large ones for so few columns
FRAMES = 31  # from one end of a sweep to the other

Item = TypeVar("Item")


@dataclass(frozen=True)
class View:
    """All faces at one strength and one beta, with the labels of both."""

    alpha: str
    beta: str
    pictures: Sequence[Image]


def sheet(before: Sequence[Image], views: Sequence[View], faces: Sequence[str]) -> Image:
    """For several faces these across, and the views down; for a single one the strengths across, and the betas down."""
    return _one_face(before[0], views) if len(faces) == 1 else _faces(before, views, faces)


def _one_face(before: Image, views: Sequence[View]) -> Image:
    alphas, betas = (list(dict.fromkeys(labels)) for labels in ([v.alpha for v in views], [v.beta for v in views]))
    cells = {(view.beta, view.alpha): view.pictures[0] for view in views}
    rows = [[before, *(cells[beta, alpha] for alpha in alphas)] for beta in betas]
    return _table(rows, ["before", *alphas], betas)


def _faces(before: Sequence[Image], views: Sequence[View], faces: Sequence[str]) -> Image:
    labels = ["before", *(f"{view.alpha}\n{view.beta}" for view in views)]
    blocks = zip(_lines(faces), *(_lines(row) for row in (before, *(view.pictures for view in views))), strict=True)
    return stack_sheets([_table(rows, names, labels) for names, *rows in blocks])


def _table(rows: Sequence[Sequence[Image]], columns: Sequence[str], labels: Sequence[str]) -> Image:
    cell = LARGE if len(columns) <= FEW else SMALL
    cells = [[fit_to(picture, cell) for picture in row] for row in rows]
    return labelled_sheet(cells, columns, labels if any(labels) else (), cell)


def sweep(editor: Editor, ends: Mapping[str, tuple[Latent, Latent]]) -> Iterator[Image]:
    """Frames from the first latents in S to the second ones, below one another where there are several labels."""
    for frame in range(FRAMES):
        rows: list[Sequence[Image]] = []
        labels: list[str] = []
        for label, (first, last) in ends.items():
            latent = first + frame / (FRAMES - 1) * (last - first)
            lines = _lines([fit_to(picture, LARGE) for picture in thumbnails(editor.render(latent))])
            rows, labels = rows + lines, labels + [label] * len(lines)
        yield labelled_sheet(rows, (), labels if len(ends) > 1 else (), LARGE)


def thumbnails(images: Tensor) -> list[Image]:
    """[N, 3, H, W] -> N pictures no larger than a sheet needs them."""
    pictures = to_pil(images)
    for picture in pictures:
        picture.thumbnail((LARGE, LARGE))
    return pictures


def _lines(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[start : start + FACES] for start in range(0, len(items), FACES)]
