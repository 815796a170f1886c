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

import styleclip
from styleclip.cli.output.progress import Progress
from styleclip.errors import StyleClipError, UsageError
from styleclip.runtime.devices import pick_device
from styleclip.training.encoder.data import open_images
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
                open_images(images) if images else None,
                training,
                out,
                folder or out.with_suffix(""),
                start=load_encoder(start) if start else None,
                resume=resume,
                overwrite=overwrite,
                dtype=torch.float16 if half else torch.float32,
                on_step=progress,
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


if __name__ == "__main__":
    main()
