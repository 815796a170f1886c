"""Compare the three editors on the same faces: python -m scripts.figures.editors_table table|picture

`table` prints Markdown, measured by the judge of `styleclip evaluate`; `picture` draws docs/editors.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import torch
from PIL import Image

import styleclip
from styleclip import evaluate
from styleclip.cli.options.types import Seeds
from styleclip.demo.captions import alternatives
from styleclip.files import atomic_path
from styleclip.images import to_pil
from styleclip.methods.base import Method
from styleclip.methods.mapper import LatentMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.sheets import labelled_sheet
from styleclip.weights.catalog import weights

MEASURED = ("success", "leakage", "identity", "seconds")
CELL = 128  # px


@click.group()
@click.option("--threads", default=1)
def main(threads: int) -> None:
    """Set the editors side by side."""
    torch.set_num_threads(threads)


@main.command()
@click.option("--seeds", type=Seeds(), default="1000-1039")
def table(seeds: Sequence[int]) -> None:
    """Success, leakage, identity and seconds a face, over all prompts and for each."""
    models = styleclip.load("demo")
    mappers = shipped(models)
    texts = [prompt.target for prompt, _ in mappers]
    reports = [
        evaluate.run(models, "optimize", seeds, texts),
        evaluate.run_mappers(models, [mapper for _, mapper in mappers], seeds),
        evaluate.run(models, "global-dir", seeds, texts),
    ]
    print("| editor | " + " | ".join(MEASURED) + " |\n|---|" + "---|" * len(MEASURED))
    for report in reports:
        print(f"| `{report.method}` | " + " | ".join(f"{report.mean(name):.3f}" for name in MEASURED) + " |")
    names = [report.method for report in reports]
    print("\n| prompt, success / leakage | faces | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    for cells in zip(*(report.cells for report in reports), strict=True):
        values = " | ".join(f"{cell.success:.2f} / {cell.leakage:.3f}" for cell in cells)
        print(f"| {cells[0].prompt} | {cells[0].faces} | {values} |")


@main.command()
@click.option("--seeds", type=Seeds(), default="0,3")
@click.option("--out", type=Path, default=Path("docs/editors.png"))
def picture(seeds: Sequence[int], out: Path) -> None:
    """A row for each prompt; every face before and as each editor makes it."""
    models = styleclip.load("demo")
    editor = styleclip.Editor(models)
    rows: list[list[Image.Image]] = []
    labels: list[str] = []
    for prompt, mapper in shipped(models):
        latent = editor.sample(seeds=seeds)
        made = [editor.render(latent)]
        made += [editor.edit(latent, text, method).after for text, method in ways(prompt, mapper)]
        columns = [[each.resize((CELL, CELL), Image.Resampling.BICUBIC) for each in to_pil(images)] for images in made]
        rows.append([column[face] for face in range(len(seeds)) for column in columns])
        labels.append(prompt.target)
    names = ["before", *(method.name for _, method in ways(prompt, mapper))]
    with atomic_path(out) as temporary:
        labelled_sheet(rows, names * len(seeds), labels, CELL).save(temporary, "PNG")


def ways(prompt: Prompt, mapper: LatentMapper) -> list[tuple[Prompt, Method]]:
    """The editors, each with the prompt in the form that suits it, as `styleclip evaluate` does."""
    against = Prompt(prompt.target, alternatives(prompt.target))
    return [(prompt, styleclip.Optimize()), (prompt, mapper), (against, styleclip.GlobalDirection())]


def shipped(models: Models) -> list[tuple[Prompt, LatentMapper]]:
    """The mappers that came with styleclip, and their prompts."""
    files = [each.path for each in weights().values() if each.kind == "mapper" and each.ships]
    trained = [load_trained_mapper(path, models) for path in files]
    return [(mapper.prompt, LatentMapper(mapper)) for mapper in trained if mapper.prompt]


if __name__ == "__main__":
    main()
