"""Draw docs/directions_sefa.jpg and docs/directions_ganspace.jpg: python -m scripts.figures.direction_sheets

The first eight directions of SeFa and of GANSpace on the demo generator, in units, on two faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import torch
from PIL import Image

import styleclip
from styleclip.cli.options.types import SEEDS
from styleclip.directions.calibration import calibrated
from styleclip.directions.ganspace import ganspace
from styleclip.directions.sefa import sefa
from styleclip.directions.sheet import directions_sheet
from styleclip.storage.files import atomic_path

QUALITY = 85  # of the JPEGs
WIDTH = 1200  # px
COUNT = 8


@click.command()
@click.option("--seeds", type=SEEDS, default="12,17")
@click.option("--threads", default=1)
@click.option("--folder", type=Path, default=Path("docs"))
def main(seeds: Sequence[int], threads: int, folder: Path) -> None:
    """Draw both sheets into FOLDER."""
    torch.set_num_threads(threads)
    models = styleclip.load("demo")
    latent = styleclip.Editor(models).sample(seeds=seeds)
    for name, directions in (("sefa", sefa(models, count=COUNT)), ("ganspace", ganspace(models, count=COUNT))):
        rows = [calibrated(direction, models) for direction in directions]
        sheet = directions_sheet(models, rows, latent, [f"seed {seed}" for seed in seeds])
        sheet = sheet.resize((WIDTH, round(WIDTH * sheet.height / sheet.width)), Image.Resampling.LANCZOS)
        with atomic_path(folder / f"directions_{name}.jpg") as temporary:
            sheet.save(temporary, "JPEG", quality=QUALITY)


if __name__ == "__main__":
    main()
