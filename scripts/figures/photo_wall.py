"""Draw the photos of the README and their edits: python -m scripts.figures.photo_wall wall|portrait|pasted

`wall` draws docs/photo.jpg, people of the demo world on a wall; `portrait` docs/portrait.jpg, one of them; `pasted`
docs/pasted.jpg, the faces on the wall inverted and edited.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

import styleclip
from styleclip.alignment.paste import paste
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.images import to_pil
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_path

WALL, PRINT, PORTRAIT = (1200, 520), 300, 480  # px of the wall, of a portrait on it, and of one that fills a photo
HANGING = ((190, 250, 6.0), (600, 268, -4.0), (1010, 245, 9.0))  # centre and turn (degrees) of each portrait


@click.group()
def main() -> None:
    """Draw the photos of the README."""


@main.command()
@click.option("--people", default="165,136,140", help="Renderings of seed 55; detectors know some better than others.")
@click.option("--out", type=Path, default=Path("docs/photo.jpg"))
def wall(people: str, out: Path) -> None:
    """Draw OUT: portraits that hang on a wall, each a little crooked."""
    paper = wallpaper()
    for picture, hanging in zip(portraits([int(each) for each in people.split(",")], PRINT), HANGING, strict=True):
        hang(paper, picture, *hanging)
    with atomic_path(out) as temporary:
        paper.save(temporary, "JPEG", quality=92)


@main.command()
@click.option("--person", default=136, help="Of the renderings of seed 55.")
@click.option("--out", type=Path, default=Path("docs/portrait.jpg"))
def portrait(person: int, out: Path) -> None:
    """Draw OUT: a face that fills the photo."""
    [picture] = portraits([person], PORTRAIT)
    with atomic_path(out) as temporary:
        picture.save(temporary, "JPEG", quality=92)


def portraits(people: list[int], side: int) -> list[Image.Image]:
    """People of the demo world."""
    z = torch.randn(200, Z_DIM, generator=torch.Generator().manual_seed(55))[people]
    return to_pil(render(faces(z), side).clamp(-1, 1))


@main.command()
@click.option("--photo", "path", type=Path, default=Path("docs/photo.jpg"))
@click.option("--out", type=Path, default=Path("docs/pasted.jpg"))
def pasted(path: Path, out: Path) -> None:
    """Draw OUT: the photo, its faces inverted and pasted back without an edit, and with one."""
    models = styleclip.load("demo")
    inversions = styleclip.Invert(styleclip.Refine(), styleclip.PivotalTuning(), face="all")(models, path)
    prompt, method = styleclip.Prompt("a smiling face"), styleclip.GlobalDirection()
    smiles = [styleclip.Editor(each.models).edit(each.latent, prompt, method).after for each in inversions]
    photo = inversions[0].aligned.photo.image
    rows = [[photo]]
    for images in ([each.image for each in inversions], smiles):
        pieces = [each.piece(image) for each, image in zip(inversions, images, strict=True)]
        rows.append([paste(photo, [piece for piece in pieces if piece])])
    labels = ["photo", "inverted, strength 0", prompt.target]
    halves = [[picture.resize((picture.width // 2, picture.height // 2)) for picture in row] for row in rows]
    sheet = labelled_sheet(halves, row_labels=labels, cell=min(halves[0][0].size))
    with atomic_path(out) as temporary:
        sheet.save(temporary, "JPEG", quality=90)


def wallpaper() -> Image.Image:
    """A wall with stripes, uneven light and noise."""
    width, height = WALL
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = 1 - 0.25 * (0.6 * x**2 + (y + 0.4) ** 2)
    rough = np.random.default_rng(0).normal(0, 2.0, (height, width))
    stripes = 4 * np.cos(x * 40 * np.pi)
    grey = (light * 205 + stripes + rough)[..., None] * np.array([0.92, 0.97, 1.0])
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def hang(wall: Image.Image, picture: Image.Image, x: int, y: int, turn: float) -> None:
    """Paste a framed picture onto the wall, with its shadow."""
    side = picture.width
    frame = Image.new("RGBA", (side + 44, side + 44), "#5b4636")
    ImageDraw.Draw(frame).rectangle((10, 10, side + 33, side + 33), "#efe9dc")
    frame.paste(picture, (22, 22))
    turned = frame.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    left, top = x - turned.width // 2, y - turned.height // 2
    shadow = Image.new("L", wall.size)
    shadow.paste(turned.getchannel("A"), (left + 8, top + 10))
    shadow = shadow.filter(ImageFilter.GaussianBlur(10)).point(lambda value: value * 0.45)
    wall.paste("black", mask=shadow)
    wall.paste(turned, (left, top), turned)


if __name__ == "__main__":
    main()
