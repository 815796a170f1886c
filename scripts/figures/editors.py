"""Draw docs/editors.png, the three editors on the same faces: python -m scripts.figures.editors"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import torch
from PIL import Image

import styleclip
from styleclip.cli.options.types import SEEDS
from styleclip.images import to_pil
from styleclip.methods.base import Method
from styleclip.methods.mapper import LatentMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_path
from styleclip.weights.catalog import weights

CELL = 128  # px


@click.command()
@click.option("--threads", default=1)
@click.option("--seeds", type=SEEDS, default="0,3")
@click.option("--out", type=Path, default=Path("docs/editors.png"))
def main(threads: int, seeds: Sequence[int], out: Path) -> None:
    """Draw OUT: a row for each prompt with every face before and after each editor."""
    torch.set_num_threads(threads)
    models = styleclip.load("demo")
    editor = styleclip.Editor(models)
    rows: list[list[Image.Image]] = []
    labels: list[str] = []
    for prompt, mapper in shipped_mappers(models):
        latent = editor.sample(seeds=seeds)
        batches = [editor.render(latent)]
        batches += [editor.edit(latent, prompt.target, method).after for method in editors(mapper)]
        columns = [[each.resize((CELL, CELL), Image.Resampling.BICUBIC) for each in to_pil(batch)] for batch in batches]
        rows.append([column[face] for face in range(len(seeds)) for column in columns])
        labels.append(prompt.target)
    names = ["before", *(method.name for method in editors(mapper))]
    with atomic_path(out) as temporary:
        labelled_sheet(rows, names * len(seeds), labels, CELL).save(temporary, "PNG")


def editors(mapper: LatentMapper) -> list[Method]:
    return [styleclip.Optimize(), mapper, styleclip.GlobalDirection()]


def shipped_mappers(models: Models) -> list[tuple[Prompt, LatentMapper]]:
    """The mappers that ship with styleclip, and their prompts."""
    files = [each.path for each in weights().values() if each.kind == "mapper" and each.ships]
    trained = [load_trained_mapper(path, models) for path in files]
    return [(mapper.prompt, LatentMapper(mapper)) for mapper in trained if mapper.prompt]


if __name__ == "__main__":
    main()
