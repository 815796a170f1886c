"""`styleclip models verify`: compare files with their known sizes and hashes."""

from __future__ import annotations

import click

from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option, table


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare files with the sizes and hashes known of them.

    Without a NAME, all files that are on this disk. Exit code 1 when one is wrong or absent.
    """
    from styleclip.weights.cache import check
    from styleclip.weights.catalog import weight, weight_records, weights

    chosen = [weight(name) for name in names] or [each for each in weights().values() if each.on_disk]
    verdicts = {each.name: check(each) for each in chosen}
    if as_json:
        print_json([record | {"verdict": verdicts[record["name"]]} for record in weight_records(chosen)])
    else:
        print_lines(*table(verdicts.items(), wrap=True))
    if not all(verdict.startswith("ok") for verdict in verdicts.values()):
        click.get_current_context().exit(1)
