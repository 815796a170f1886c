"""Draw docs/adapt.jpg: python -m scripts.figures.adaptation

The demo generator, and children that were adapted to texts by the settings that suit it: the same latents in each row.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

import styleclip
from styleclip.images import fit_to, to_pil
from styleclip.latents import Latent, Space
from styleclip.seeds import sample_z
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_path

TEXTS = (
    "a pencil sketch of a face",
    "an oil painting of a face",
    "a face with ginger hair",
    "a face in shades",
)
SEEDS, PSI, CELL_PX = (12, 17, 21, 30, 33, 40, 45, 52), 0.7, 96
QUALITY = 88  # of the JPEG


@click.command()
@click.option("--clip", default="demo")
@click.option("--text", "texts", multiple=True, default=TEXTS)
@click.option("--source", default="a face")
@click.option("--folder", type=Path, default=Path("build/adapted"), help="Takes the children.")
@click.option("--out", type=Path, default=Path("docs/adapt.jpg"))
def main(clip: str, texts: tuple[str, ...], source: str, folder: Path, out: Path) -> None:
    """Adapt the demo generator to each text, unless FOLDER has the child, and draw the sheet OUT."""
    torch.set_num_threads(1)
    models = styleclip.load("demo", clip=clip)
    z = Latent(Space.Z, sample_z(SEEDS, models.generator.config.z_dim))
    latent = models.generator.truncate(z, PSI)
    rows = [to_pil(models.render(latent))]
    for text in texts:
        path = folder / f"{text.replace(' ', '-')}.safetensors"
        child = styleclip.adapt(models, styleclip.Prompt(text, source), path=path, resume=True)
        print(text, child.about["scores"], child.about["kept_step"], child.about.get("stopped", ""), flush=True)
        with torch.no_grad():
            rows.append(to_pil(child.generator(latent)))
    cells = [[fit_to(image, CELL_PX) for image in row] for row in rows]
    sheet = labelled_sheet(cells, row_labels=["the generator", *texts], cell=CELL_PX)
    with atomic_path(out) as temporary:
        sheet.save(temporary, "JPEG", quality=QUALITY)


if __name__ == "__main__":
    main()
