"""What mappers make of a few faces, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL.Image import Image

from styleclip.images import fit_to, to_pil
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.sheets import labelled_sheet
from styleclip.training.mapper.mapper_state import PromptMapper

FACES = 6
CELL = 128  # px


@torch.no_grad()
def sheet(models: Models, latent: Latent, mappers: Sequence[PromptMapper]) -> Image:
    """The first faces of `latent` before and after, a column for each mapper as it is now."""
    source = latent[:FACES]
    edited = [source.data + student.step(source.data) for student in mappers]
    dtype = models.generator.w_avg.dtype
    columns = [to_pil(models.render(Latent(source.space, data.to(dtype)))) for data in (source.data, *edited)]
    cells = [[fit_to(picture, CELL) for picture in column] for column in columns]
    labels = ["before", *(student.prompt.target for student in mappers)]
    return labelled_sheet([*zip(*cells, strict=True)], labels, cell=CELL)
