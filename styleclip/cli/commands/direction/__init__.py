"""`styleclip direction`: make, read, list and show directions that fit any face."""

from __future__ import annotations

import click

from styleclip.cli.commands.direction.ganspace import ganspace
from styleclip.cli.commands.direction.sefa import sefa


@click.group()
def direction() -> None:
    """Make, import, list and show directions that fit any face."""


commands: tuple[click.Command, ...] = (sefa, ganspace)
for command in commands:
    direction.add_command(command)
