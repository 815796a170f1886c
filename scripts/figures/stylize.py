"""Draw the picture of docs/stylize.md and the README: python -m scripts.figures.stylize --out docs/stylize.jpg

Photos above, and below each in its style, as `python -m scripts.experiments.stylize measure` has drawn them.
"""

from __future__ import annotations

from pathlib import Path

import click
from PIL import Image

from scripts.experiments.stylize import NAMES
from scripts.train_demo.styles import STYLES
from styleclip.canvases.stylization.style_net import reduce_to
from styleclip.sheets import join_sheets, labelled_sheet
from styleclip.storage.files import atomic_path

WIDTH_PX = 240  # of a picture


@click.command()
@click.option("--photos", default="0,1,2,3,6", help="Of scripts.experiments.stylize.")
@click.option("--pictures", type=Path, default=Path("build/stylize"))
@click.option("--out", type=Path, default=Path("docs/stylize.jpg"))
def main(photos: str, pictures: Path, out: Path) -> None:
    """Draw OUT."""
    columns = []
    for number in map(int, photos.split(",")):
        name = NAMES[number % len(NAMES)]
        pair = [pictures / f"{number}.png", pictures / f"{number}_{name}.png"]
        cells = [[square(Image.open(path).convert("RGB"))] for path in pair]
        columns.append(labelled_sheet(cells, [STYLES[name].phrases[0]], cell=WIDTH_PX))
    with atomic_path(out) as temporary:
        join_sheets(columns).save(temporary, "JPEG", quality=90)


def square(picture: Image.Image) -> Image.Image:
    """The middle of a picture."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return reduce_to(picture.crop((left, top, left + side, top + side)), WIDTH_PX)


if __name__ == "__main__":
    main()
