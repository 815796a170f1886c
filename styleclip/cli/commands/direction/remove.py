"""`styleclip direction remove`: delete directions of the library."""

from __future__ import annotations

import click

from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@json_option
def remove(names: tuple[str, ...], as_json: bool) -> None:
    """Delete directions from your library: NAME, or PACK:NAME for one of a pack.

    The last one of a pack takes the pack with it.
    """
    from styleclip.directions.library import remove_entry
    from styleclip.directions.listing import check_removable

    for name in names:
        check_removable(name)
    removed = []
    for name in dict.fromkeys(names):
        if ":" in name:
            from styleclip.directions.packs import remove_from_pack

            removed.append(remove_from_pack(name))
        else:
            removed.append(remove_entry(name))
        if not as_json:
            print_lines(f"removed {name}")
    if as_json:
        print_json({"removed": list(dict.fromkeys(names)), "files": list(dict.fromkeys(removed))})
