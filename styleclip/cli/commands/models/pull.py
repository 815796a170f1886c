"""`styleclip models pull`: download weights."""

from __future__ import annotations

import click

from styleclip.cli.options.common import offline_option, quiet_option
from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.progress import fetch_with_progress
from styleclip.cli.output.tables import json_option


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@offline_option
@quiet_option
@json_option
def pull(names: tuple[str, ...], offline: bool, quiet: bool, as_json: bool) -> None:
    """Download the files of these names, URLs or ARCHITECTURE/TAG of open_clip, check them, and print where they lie.

    The licence of each is shown before its download. What is here already is not downloaded again, and what broke off
    is continued.
    """
    from styleclip.weights.catalog import Weight, weight, weight_records
    from styleclip.weights.urls import is_url, weight_from_url

    def find(name: str) -> Weight:
        if "/" in name and not is_url(name):
            from styleclip.weights.clips import open_clip_weight

            return open_clip_weight(name)
        return weight_from_url(name) if is_url(name) else weight(name)

    chosen = [find(name) for name in names]
    for each in chosen:
        path = fetch_with_progress(each, offline, quiet)
        if not as_json:
            print_lines(path)
    if as_json:
        print_json(weight_records(chosen))
