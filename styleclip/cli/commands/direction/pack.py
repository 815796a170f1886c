"""`styleclip direction pack`: several directions in one file, or in a folder with an index."""

from __future__ import annotations

from pathlib import Path

import click

from styleclip.cli.options.option import option
from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|FOLDER",
    help="A .safetensors file; any other name is a folder with a file for each and index.json.",
)
@option("--overwrite", is_flag=True, help="Replace an earlier pack.")
@json_option
def pack(names: tuple[str, ...], out: Path, overwrite: bool, as_json: bool) -> None:
    """Put directions into one pack to share: names in your library, files, and packs with all they have.

    `--direction OUT:NAME` uses one of it, and `styleclip direction import OUT` keeps it.
    """
    from styleclip.directions.packs import collect, write_pack

    directions = collect(names)
    files = write_pack(directions, out, overwrite)
    if as_json:
        print_json({"files": files, "directions": [each.name for each in directions]})
    else:
        print_lines(*files)
