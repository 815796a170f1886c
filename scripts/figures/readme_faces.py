"""Draw the faces at the top of the README: python -m scripts.figures.readme_faces --out docs/faces.png

A row for each face and a column for each prompt, edited by latent optimization with its defaults.
"""

from __future__ import annotations

from pathlib import Path

import click

import styleclip
from styleclip.images import png_bytes, to_pil
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_write

PROMPTS = (
    "a face with red hair",
    "blue hair and green eyes",
    "a woman with curly hair",
    "a smiling face",
    "angry",
    "without glasses or a hat",
    "wearing sunglasses",
    "a bearded man",
    "an old face",
)


@click.command()
@click.option("--seeds", default="0,1,2,3,4,5,6,7")
@click.option("--out", type=Path, default=Path("docs/faces.png"))
def main(seeds: str, out: Path) -> None:
    """Draw OUT."""
    editor = styleclip.Editor(styleclip.load("demo"))
    latent = editor.sample(seeds=[int(seed) for seed in seeds.split(",")])
    columns = [to_pil(editor.render(latent))]
    columns += [to_pil(editor.edit(latent, prompt, styleclip.Optimize()).after) for prompt in PROMPTS]
    labels = ["before", *PROMPTS]
    sheet = labelled_sheet(list(zip(*columns, strict=True)), labels, cell=128)
    atomic_write(out, png_bytes(sheet))


if __name__ == "__main__":
    main()
