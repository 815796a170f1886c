"""`styleclip train-encoder`: train an encoder, image -> W+, for any generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from styleclip.cli.options.common import CommonOptions, common_options_with, identity_option, without_none
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.training import TrainingOptions, kept_state, training_options
from styleclip.cli.options.types import EXISTING_FILE, Parsed
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import EtaProgress, exit_on_interrupt
from styleclip.text.parsing import parse_counts
from styleclip.training.encoder.settings import EncoderTraining

DEFAULT_OUT = Path("styleclip-out") / "encoder.safetensors"
PATH = click.Path(path_type=Path)

out_option = option("--out", type=PATH, metavar="FILE", help=f"The encoder.  [default: {DEFAULT_OUT}]")


@click.command("train-encoder", cls=Command)
@option(
    "--images",
    type=PATH,
    metavar="PATH",
    help="Aligned images: a folder, or a safetensors file with uint8 `images` [M, 3, R, R].  [default: samples only]",
)
@option("--folder", type=PATH, metavar="DIR", help="For metrics.  [default: --out without its suffix]")
@option("--start", type=EXISTING_FILE, metavar="FILE", help="An encoder of the same shape to begin with.")
@settings_options(EncoderTraining, kinds={"widths": Parsed("widths", parse_counts)})
@identity_option
@training_options
@common_options_with(out_option)
def train_encoder(
    common: CommonOptions,
    images: Path | None,
    folder: Path | None,
    start: Path | None,
    identity: str | None,
    training: TrainingOptions,
    **options: Any,
) -> None:
    """Train an encoder, which gives the first latent of a photo (e4e, Tov et al. 2021).

    It learns from aligned images, e.g. the `aligned.png` of `styleclip invert`, and from samples of the generator;
    --encoder of the other commands takes it. Where LPIPS or a face-recognition network is missing, CLIP stands in.
    """
    import torch

    from styleclip.training.encoder import train
    from styleclip.training.encoder.data import open_images
    from styleclip.weights.load import load_encoder

    settings, path = EncoderTraining(**without_none(options)), common.out or DEFAULT_OUT
    dataset = open_images(images) if images else None
    first = load_encoder(start) if start else None
    folder = folder or path.with_suffix("")
    if folder != path:  # refused by the training
        common.lock([path], folder)
    models = common.load(identity=identity, clip_on_use=True)
    torch.set_flush_denormal(True)  # on a CPU denormals cost a factor of ten
    bar = EtaProgress("train-encoder", common.quiet)
    with exit_on_interrupt(lambda: kept_state(folder)), bar:
        arguments = training.arguments(common)
        train.train_encoder(models, dataset, settings, path, folder, start=first, on_step=bar, **arguments)
    common.report([path, folder], {"encoder": train.read_about(path)})
    if not bar.last and not common.quiet:
        print_lines("Trained before, with these settings", err=True)
