"""Downloads as the command line shows them: the licence first, then a bar, on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.output.progress import Progress

if TYPE_CHECKING:
    from styleclip.weights.catalog import Weight


def fetch_with_progress(weight: Weight, offline: bool = False, quiet: bool = False) -> Path:
    """The file of a weight, downloaded where it is not here yet. Ctrl-C ends the command; the part that came stays."""
    from styleclip.weights.cache import fetch

    if weight.path.exists():
        return weight.path

    def announce(weight: Weight) -> None:
        progress.note(_announcement(weight))

    try:
        with Progress(weight.path.name, quiet, unit="B") as progress:
            return fetch(weight, offline=offline or None, on_start=announce, on_progress=progress.show)
    except KeyboardInterrupt:
        click.echo("Interrupted; what has come is kept, and the same command goes on from there", err=True)
        raise click.exceptions.Exit(130) from None


def _announcement(weight: Weight) -> str:
    what = "" if weight.what == weight.name else f" ({weight.what})"
    return f"Fetching {weight.name}{what}\nLicence: {weight.licence}"
