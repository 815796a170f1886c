"""`styleclip direction sefa`: directions from the weights of a generator."""

from __future__ import annotations

import click

from styleclip.cli.commands.direction.closed_form import PackOptions, pack_options, save_pack
from styleclip.cli.options.common import CommonOptions, common_options


@click.command()
@pack_options
@common_options
def sefa(common: CommonOptions, pack: PackOptions) -> None:
    """Find the directions that change the styles of the chosen layers most (SeFa, Shen and Zhou 2021).

    They follow from the weights alone and are found at once; what each of them changes, the sheet shows.
    """
    from styleclip.directions.sefa import sefa as find

    save_pack(
        common,
        pack,
        "sefa",
        {"layers": pack.layers},
        lambda models, _: find(models, pack.layers, pack.count),
        lambda direction: f"eigenvalue {direction.origin['eigenvalue']:.3g}",
    )
