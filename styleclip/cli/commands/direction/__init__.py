"""`styleclip direction`: make, read, list and show directions that fit any face."""

from __future__ import annotations

import click

from styleclip.cli.commands.direction.ganspace import ganspace
from styleclip.cli.commands.direction.import_ import import_
from styleclip.cli.commands.direction.interfacegan import interfacegan
from styleclip.cli.commands.direction.list import list_
from styleclip.cli.commands.direction.pack import pack
from styleclip.cli.commands.direction.remove import remove
from styleclip.cli.commands.direction.sefa import sefa
from styleclip.cli.commands.direction.show import show


@click.group()
def direction() -> None:
    """Make, import, list and show directions that fit any face."""


commands: tuple[click.Command, ...] = (import_, list_, show, remove, pack, sefa, ganspace, interfacegan)
for command in commands:
    direction.add_command(command)
