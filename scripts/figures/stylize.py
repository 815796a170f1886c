"""Draw the picture of docs/stylize.md and the README: python -m scripts.figures.stylize --out docs/stylize.jpg

People of the demo world in a row each, and a style in each column.
"""

from __future__ import annotations

from pathlib import Path

import click

import styleclip
from scripts.experiments.stylize import demo_photo
from styleclip.canvases.stylization.style_net import reduce_to
from styleclip.canvases.stylization.stylize import stylize
from styleclip.loading import load_identity
from styleclip.sheets import labelled_sheet, stack_sheets
from styleclip.storage.files import atomic_path

STYLES = ("a pencil sketch", "an oil painting", "a cartoon", "a watercolour", "a neon sign")
CELL = 240  # px of a picture


@click.command()
@click.option("--photos", default="3,7", help="Of scripts.experiments.stylize.")
@click.option("--styles", default=",".join(STYLES))
@click.option("--out", type=Path, default=Path("docs/stylize.jpg"))
def main(photos: str, styles: str, out: Path) -> None:
    """Draw OUT."""
    clip, identity = styleclip.load_clip(), load_identity("demo")
    assert identity is not None
    identity.eval().requires_grad_(False)
    rows = []
    for photo in (demo_photo(int(number)) for number in photos.split(",")):
        drawn = [stylize(photo, f"{style} of a face", clip, None, identity).styled for style in styles.split(",")]
        rows.append([reduce_to(picture, CELL) for picture in (photo, *drawn)])
    sheets = [labelled_sheet([row], ["photo", *styles.split(",")], cell=min(row[0].size)) for row in rows]
    with atomic_path(out) as temporary:
        stack_sheets(sheets).save(temporary, "JPEG", quality=90)


if __name__ == "__main__":
    main()
