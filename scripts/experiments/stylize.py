"""Measure `stylize` on ten photos of the demo world: python -m scripts.experiments.stylize measure|table

`measure` draws each photo in a style, with the identity loss and without, and adds a line to a file of JSON lines for
each. The change is measured along the text in the CLIP that was optimized, and in another CLIP, which knows no words of
styles, along the mean change of 64 renders by the filter of the style. `table` prints the lines as Markdown.
"""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time
from typing import Any

import click
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import styleclip
from scripts.figures.photo_wall import hang, wallpaper
from scripts.train_demo.styles import STYLES, styled
from styleclip.canvases.stylization.result import SHOWN_PX
from styleclip.canvases.stylization.style_net import reduce_to
from styleclip.canvases.stylization.stylize import stylize
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.images import from_pil, to_pil
from styleclip.loading import load_identity
from styleclip.networks.clip import CLIP

PHOTOS = (  # people, size, and of every portrait on the wall its centre, turn and px; none where it fills the photo
    ((136,), (600, 600), ()),
    ((3,), (900, 600), ((440, 300, 4.0, 420),)),
    ((1,), (500, 700), ((250, 340, -3.0, 380),)),
    ((140,), (600, 600), ()),
    ((10, 11), (1500, 1000), ((430, 480, 5.0, 520), (1080, 520, -4.0, 520))),
    ((5,), (480, 480), ()),
    ((13,), (800, 600), ((400, 300, 0.0, 460),)),
    ((27,), (700, 500), ((350, 250, -6.0, 360),)),
    ((8,), (640, 640), ()),
    ((9, 18), (1000, 600), ((280, 300, 3.0, 360), (720, 300, -5.0, 360))),
)  # renderings of seed 55 whose faces the detector finds on a wall
PEOPLE_SEED = 55
NAMES = ("pencil", "oil", "cartoon", "watercolour", "neon")  # of the styles, in turn
OTHER_CLIP = "demo-judge-clip"


@click.group()
def main() -> None:
    """Measure `stylize`."""


@main.command()
@click.option("--photos", default=",".join(map(str, range(len(PHOTOS)))))
@click.option("--clip", default=None)
@click.option("--out", type=Path, default=Path("build/stylize.jsonl"))
@click.option("--pictures", type=Path, default=Path("build/stylize"))
def measure(photos: str, clip: str | None, out: Path, pictures: Path) -> None:
    """Draw the photos and add the measurements to OUT."""
    judged, other = styleclip.load_clip(clip), styleclip.load_clip(OTHER_CLIP)
    identity = load_identity("demo")
    assert identity is not None
    identity.eval().requires_grad_(False)
    directions = {name: filter_direction(other, name) for name in NAMES}
    for i in map(int, photos.split(",")):
        name, photo = NAMES[i % len(NAMES)], demo_photo(i)
        for lambda_id in (None, 0.0):  # None: that of the demo
            started = process_time()
            settings = styleclip.Stylization(lambda_id=lambda_id)
            result = stylize(photo, f"{STYLES[name].phrases[0]} of a face", judged, settings, identity)
            line: dict[str, Any] = {"photo": i, "style": name, "lambda_id": lambda_id is None}
            line |= {"seconds": round(process_time() - started, 1), "same_size": result.styled.size == photo.size}
            line |= {**result.scores, "other": round(change(other, photo, result.styled, directions[name]), 4)}
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("a") as file:
                print(json.dumps(line), file=file)
            pictures.mkdir(parents=True, exist_ok=True)
            photo.save(pictures / f"{i}.png")
            result.styled.save(pictures / f"{i}_{name}{'' if lambda_id is None else '_free'}.png")


@main.command()
@click.option("--out", "file", type=Path, default=Path("build/stylize.jsonl"))
def table(file: Path) -> None:
    """Print the measurements as a Markdown table."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    print("| photo | style | direction | in another CLIP | identity | without its loss: direction | identity |")
    print("|---|---|---|---|---|---|---|")
    by_photo = {(line["photo"], bool(line["lambda_id"])): line for line in lines}
    for i in sorted({photo for photo, _ in by_photo}):
        kept, free = by_photo[i, True], by_photo[i, False]
        cells = [shown(kept["direction"]), shown(kept["other"]), people(kept), shown(free["direction"]), people(free)]
        print(f"| {i} | {kept['style']} | {' | '.join(cells)} |")
    count = len(lines) // 2
    for name in ("direction", "other"):
        print(f"{name} rises in {sum(each[name] > 0 for each in lines if each['lambda_id'])} of {count}")
    print(f"the size is kept in {sum(each['same_size'] for each in lines)} of {len(lines)}")


def shown(value: float) -> str:
    return f"{value:.2f}"


def people(line: dict[str, Any]) -> str:
    """The identity of every face; a dash where none was found."""
    return ", ".join(map(shown, line.get("identity", []))) or "-"


def demo_photo(number: int) -> Image.Image:
    """A photo of the demo world: a portrait, or one or two that hang on a wall, each a little crooked."""
    numbers, size, portraits = PHOTOS[number]
    people = torch.randn(200, Z_DIM, generator=torch.Generator().manual_seed(PEOPLE_SEED))[list(numbers)]
    if not portraits:
        return to_pil(render(faces(people), size[0]).clamp(-1, 1))[0]
    wall = wallpaper().resize(size)
    for (x, y, turn, side), person in zip(portraits, people, strict=True):
        hang(wall, to_pil(render(faces(person[None]), side).clamp(-1, 1))[0], x, y, turn)
    return wall


@torch.no_grad()
def filter_direction(clip: CLIP, style: str) -> Tensor:
    """The unit mean [D] of the changes of 64 renders by the filter of a style, in CLIP space."""
    z = torch.randn(64, Z_DIM, generator=torch.Generator().manual_seed(7))
    images = render(faces(z), 128).clamp(-1, 1)
    return F.normalize((clip.encode_image(styled(images, style)) - clip.encode_image(images)).mean(dim=0), dim=0)


@torch.no_grad()
def change(clip: CLIP, photo: Image.Image, drawn: Image.Image, direction: Tensor) -> float:
    """The cosine of the change of a photo in CLIP space and a direction."""
    before, after = (clip.encode_image(from_pil([reduce_to(picture, SHOWN_PX)])) for picture in (photo, drawn))
    return float(F.cosine_similarity(after - before, direction[None]).item())


if __name__ == "__main__":
    main()
