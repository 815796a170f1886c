"""Train an encoder for any generator: python -m scripts.train_encoder --model demo --images PICTURES --out FILE

PICTURES is a folder of aligned crops, e.g. the `aligned.png` of `styleclip invert`, or a safetensors file with uint8
`images` [M, 3, R, R]. Without it the encoder learns from samples of the generator alone. The demo encoder was made by

    python -m scripts.train_demo.render
    python -m scripts.train_encoder --images build/train_demo/renders.safetensors \\
        --out checkpoints/demo/encoder.safetensors --frame 64 --widths 16,32,64,64 ...

(checkpoints/demo/README.md has the whole lines). A run that was killed goes on with --resume. The options of the
losses are explained in styleclip/training/encoder/settings.py.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

import styleclip
from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photos import read_photo
from styleclip.cli.output.progress import Progress
from styleclip.errors import StyleClipError, UsageError
from styleclip.images import from_pil
from styleclip.networks.e4e import resize_frame
from styleclip.runtime.devices import pick_device
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.train import train_encoder
from styleclip.weights.load import load_encoder

DEFAULTS = {field.name: field.default for field in dataclasses.fields(EncoderTraining)}
NUMBERS = [name for name, value in DEFAULTS.items() if isinstance(value, int | float) and not isinstance(value, bool)]


@click.command()
@click.option("--model", default="demo", help="The generator: a name, file or URL.")
@click.option("--clip", help="The CLIP that stands in for LPIPS or a recogniser.  [default: the generator's]")
@click.option("--identity", help="arcface, demo, facenet or none.  [default: the generator's]")
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
    clip: str | None,
    identity: str | None,
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
    try:
        training = EncoderTraining(**settings, **({"widths": numbers(widths)} if widths else {}))
        models = styleclip.load(model, clip=clip, identity=identity, device=pick_device(device))
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
    flag, default = f"--{name.replace('_', '-')}", DEFAULTS[name]
    click.option(flag, name, type=type(default), default=default, show_default=True)(main)


def numbers(text: str) -> tuple[int, ...]:
    """`64,128` -> (64, 128)."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(f"--widths is {text!r}; give whole numbers, e.g. 64,128,256,512") from error


def pictures(path: Path) -> Renders | Folder:
    return Renders(path) if path.suffix == ".safetensors" else Folder(path)


class Renders:
    """Pictures of one size in memory."""

    def __init__(self, path: Path) -> None:
        try:
            self.images = load_file(path)["images"]  # uint8 [M, 3, R, R]
        except (OSError, KeyError, SafetensorError) as error:
            raise UsageError(f"{path} has no tensor `images` that can be read; pass a file of renders") from error
        shape = list(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
            raise UsageError(f"the images in {path} are {self.images.dtype} {shape}; pass uint8 of shape [M, 3, R, R]")

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        """These pictures, [N, 3, R, R] in [-1, 1]."""
        return resize_frame(self.images[rows].float() / 127.5 - 1, resolution)


class Folder:
    """Pictures on the disk, read when they are wanted; that they are square is seen before hours of training."""

    def __init__(self, path: Path) -> None:
        self.paths = find_photos([str(path)])
        for each in self.paths:
            _check_square(each, _size(each))

    def __len__(self) -> int:
        return len(self.paths)

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        """These pictures, [N, 3, R, R] in [-1, 1]."""
        return torch.cat([self._one(self.paths[row], resolution) for row in rows.tolist()])

    @staticmethod
    def _one(path: Path, resolution: int) -> Tensor:
        picture = read_photo(path).image
        _check_square(path, picture.size)
        return resize_frame(from_pil([picture]), resolution)


def _size(path: Path) -> tuple[int, int]:
    """Width and height by the header of a picture; 0 for what `read_photo` will complain about."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception:  # parsers of damaged headers raise anything
        return 0, 0


def _check_square(path: Path, size: tuple[int, int]) -> None:
    if size[0] != size[1]:
        raise UsageError(f"{path} is not square; align the pictures first, e.g. by `styleclip invert`")


if __name__ == "__main__":
    main()
