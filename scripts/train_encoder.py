"""Train an encoder for any generator: python -m scripts.train_encoder --model demo --images PICTURES --out FILE

PICTURES is a folder of aligned crops, e.g. the `aligned.png` of `styleclip invert`, or a safetensors file with uint8
`images` [M, 3, R, R]. Without it the encoder learns from samples of the generator alone. The demo encoder was made by

    python -m scripts.train_demo.render
    python -m scripts.train_encoder --images build/train_demo/renders.safetensors \\
        --out checkpoints/demo/encoder.safetensors --frame 64 --widths 16,32,64,64 ...

(checkpoints/demo/README.md has the whole lines). A run that was killed goes on with --resume.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

import styleclip
from styleclip.alignment.photos import find_photos, read_photo
from styleclip.cli.progress import Progress
from styleclip.devices import pick_device
from styleclip.errors import StyleClipError, UsageError
from styleclip.images import from_pil
from styleclip.training.encoder import train_encoder
from styleclip.training.encoder_settings import EncoderTraining
from styleclip.weights.load import load_encoder

DEFAULTS = {field.name: field.default for field in dataclasses.fields(EncoderTraining)}
NUMBERS = [name for name, value in DEFAULTS.items() if isinstance(value, int | float) and not isinstance(value, bool)]


@click.command()
@click.option("--model", default="demo", help="The generator: a name, file or URL.")
@click.option("--images", type=Path, help="Aligned pictures: a folder, or a file of renders.")
@click.option("--out", type=Path, required=True, help="The encoder.")
@click.option("--folder", type=Path, help="For metrics and the unfinished training.  [default: OUT without its suffix]")
@click.option("--start", type=Path, help="An encoder of the same shape to begin with.")
@click.option("--widths", help="Channels of the trunk, e.g. 64,128,256,512.")
@click.option("--flip/--no-flip", default=True, help="Whether photos are mirrored at random.")
@click.option("--half", is_flag=True, help="Write half precision.")
@click.option("--device", default="auto")
@click.option("--threads", type=int)
@click.option("--resume", is_flag=True)
@click.option("--overwrite", is_flag=True)
def main(
    model: str,
    images: Path | None,
    out: Path,
    folder: Path | None,
    start: Path | None,
    widths: str | None,
    half: bool,
    device: str,
    threads: int | None,
    resume: bool,
    overwrite: bool,
    **settings: Any,
) -> None:
    """Train and write OUT."""
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # on a CPU denormals cost a factor of ten
    if widths:
        settings["widths"] = tuple(int(width) for width in widths.split(","))
    try:
        training = EncoderTraining(**settings)
        models = styleclip.load(model, device=pick_device(device))
        with Progress("encoder") as progress:
            train_encoder(
                models,
                pictures(images) if images else None,
                training,
                out,
                folder or out.with_suffix(""),
                start=load_encoder(start) if start else None,
                resume=resume,
                overwrite=overwrite,
                dtype=torch.float16 if half else torch.float32,
                on_step=progress.show,
            )
    except StyleClipError as error:
        raise click.ClickException(str(error)) from error
    click.echo(out)


for name in NUMBERS:  # one option for every number of the settings
    click.option(f"--{name.replace('_', '-')}", name, type=type(DEFAULTS[name]), default=DEFAULTS[name])(main)


def pictures(path: Path) -> Renders | Folder:
    return Renders(path) if path.suffix == ".safetensors" else Folder(path)


class Renders:
    """Pictures of one size in memory."""

    def __init__(self, path: Path) -> None:
        self.images = load_file(path)["images"]  # uint8 [M, 3, R, R]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        """These pictures, [N, 3, R, R] in [-1, 1]."""
        return fitting(self.images[rows].float() / 127.5 - 1, resolution)


class Folder:
    """Pictures on the disk, read when they are wanted."""

    def __init__(self, path: Path) -> None:
        self.paths = find_photos([str(path)])

    def __len__(self) -> int:
        return len(self.paths)

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        """These pictures, [N, 3, R, R] in [-1, 1]."""
        return torch.cat([self._one(self.paths[row], resolution) for row in rows.tolist()])

    @staticmethod
    def _one(path: Path, resolution: int) -> Tensor:
        image = from_pil([read_photo(path).image])
        if image.shape[2] != image.shape[3]:
            raise UsageError(f"{path} is not square; align the pictures first, e.g. by `styleclip invert`")
        return fitting(image, resolution)


def fitting(images: Tensor, resolution: int) -> Tensor:
    """The same pictures at this resolution."""
    if images.shape[-1] == resolution:
        return images
    return F.interpolate(images, (resolution, resolution), mode="bilinear", antialias=True)


if __name__ == "__main__":
    main()
