"""Draw the styles that the demo CLIP knows: python -m scripts.figures.clip_styles --out docs/clip_styles.jpg

A row for each of a few renders, drawn as its training draws them.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from scripts.train_demo.styles import STYLES, styled
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.images import to_pil
from styleclip.seeds import sample_z
from styleclip.sheets import labelled_sheet


@click.command()
@click.option("--seeds", default="0,5")
@click.option("--out", type=Path, default=Path("docs/clip_styles.jpg"))
@torch.no_grad()
def main(seeds: str, out: Path) -> None:
    """Draw OUT."""
    images = render(faces(sample_z([int(seed) for seed in seeds.split(",")], Z_DIM)), 64)
    columns = [to_pil(images), *(to_pil(styled(images, name)) for name in STYLES)]
    labels = ["a photo", *(style.phrases[0] for style in STYLES.values())]
    labelled_sheet(list(zip(*columns, strict=True)), labels, cell=96).save(out, quality=80)


if __name__ == "__main__":
    main()
