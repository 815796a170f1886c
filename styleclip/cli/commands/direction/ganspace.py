"""`styleclip direction ganspace`: the principal components of W."""

from __future__ import annotations

import click

from styleclip.cli.commands.direction.closed_form import PackOptions, pack_options, save_pack
from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.option import option
from styleclip.cli.options.types import CountRange

MAX_SEED = 2**32 - 1  # of numpy's stream of StyleCLIP


@click.command()
@pack_options
@option("--samples", type=CountRange(2), default=100_000, metavar="N", help="How many w the components describe.")
@option("--seed", type=CountRange(0, MAX_SEED), default=5, metavar="N", help="Random seed of these w.")
@common_options
def ganspace(common: CommonOptions, pack: PackOptions, samples: int, seed: int) -> None:
    """Find the principal components of W (GANSpace, Harkonen et al. 2020).

    Alpha counts standard deviations of W. --layers chooses what the directions move; the components stay the same.
    """
    from styleclip.directions.ganspace import ganspace as find

    save_pack(
        common,
        pack,
        "ganspace",
        {"layers": pack.layers, "samples": samples, "seed": seed},
        lambda models, on_step: find(models, pack.layers, pack.count, samples, seed, on_step),
        lambda direction: f"{100 * direction.origin['explained_variance']:.1f} % of the variance",
    )
