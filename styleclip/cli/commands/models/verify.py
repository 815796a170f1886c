"""`styleclip models verify`: compare files with their known sizes and hashes."""

from __future__ import annotations

from pathlib import Path

import click

from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option, table


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE...]")
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare files with the sizes and hashes known of them.

    Without a NAME, all files that are on this disk. A FILE is compared with the weight of its name or of its sha256.
    Exit code 1 when one is wrong, absent or unknown.
    """
    from styleclip.weights.cache import check, check_file
    from styleclip.weights.catalog import weight, weight_records, weights

    files = [name for name in names if name not in weights() and Path(name).is_file()]
    chosen = [weight(name) for name in names if name not in files]
    if not names:
        chosen = [each for each in weights().values() if each.on_disk]
    verdicts = {each.name: check(each) for each in chosen} | {name: check_file(Path(name)) for name in files}
    if as_json:
        records = [*weight_records(chosen), *({"name": name, "path": name, "present": True} for name in files)]
        print_json([record | {"verdict": verdicts[record["name"]]} for record in records])
    else:
        print_lines(*table(verdicts.items(), wrap=True))
    if not all(verdict.startswith("ok") for verdict in verdicts.values()):
        click.get_current_context().exit(1)
