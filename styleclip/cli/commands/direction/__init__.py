"""`styleclip direction`: make, read, list and show directions that fit any face."""

from __future__ import annotations

import click


@click.group()
def direction() -> None:
    """Make, import, list and show directions that fit any face."""


commands: tuple[click.Command, ...] = ()
for command in commands:
    direction.add_command(command)
