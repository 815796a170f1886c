"""`styleclip models convert`: write a generator in another format."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

import click

from styleclip.cli.options.common import (
    amount_option,
    label_option,
    offline_option,
    parent_layers_option,
    quiet_option,
)
from styleclip.cli.options.option import option
from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.progress import fetch_with_progress
from styleclip.cli.output.tables import json_option


@click.command()
@click.argument("source", metavar="IN")
@click.argument("out", type=click.Path(path_type=Path))
@option(
    "--to",
    type=click.Choice(["styleclip", "rosinality", "nvidia"]),
    help="The format of OUT.  [default: styleclip for .safetensors, rosinality for .pt]",
)
@option("--dtype", type=click.Choice(["float32", "float16"]), default="float32", help="The precision of OUT.")
@label_option
@amount_option
@parent_layers_option
@option("--overwrite", is_flag=True, help="Replace OUT.")
@offline_option
@quiet_option
@json_option
def convert(
    source: str,
    out: Path,
    to: Literal["styleclip", "rosinality", "nvidia"] | None,
    dtype: str,
    label: int | None,
    amount: float,
    parent_layers: tuple[int, ...],
    overwrite: bool,
    offline: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the generator of IN to OUT in another format.

    IN is a file in any format that styleclip reads, a name (`styleclip models list`) or a URL. Before OUT appears,
    faces are rendered from both files and compared.

    \b
    styleclip   .safetensors  what styleclip itself writes
    rosinality  .pt           g_ema and latent_avg, for StyleCLIP, e4e, pSp and StyleGAN-NADA
    nvidia      .pt           a state dict of the Generator in stylegan2-ada-pytorch and stylegan3
    """
    import torch

    from styleclip.weights.convert import convert as convert_file

    fetch = functools.partial(fetch_with_progress, offline=offline, quiet=quiet)
    done = convert_file(source, out, to, getattr(torch, dtype), label, overwrite, fetch, amount, parent_layers)
    if as_json:
        print_json(done)
        return
    same = f"differ by at most {done.difference:.2g}, where black is -1 and white is 1"
    if not done.difference:
        same = "are the same to the last bit"
    print_lines(done.path, f"{done.format}, {done.dtype}: {done.images} faces rendered from both files {same}")
