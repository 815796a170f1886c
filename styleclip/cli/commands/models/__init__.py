"""`styleclip models`: list, fetch, inspect, convert and verify weight files."""

from __future__ import annotations

import click

from styleclip.cli.commands.models.convert import convert
from styleclip.cli.commands.models.inspect import inspect
from styleclip.cli.commands.models.list import list_
from styleclip.cli.commands.models.pull import pull
from styleclip.cli.commands.models.verify import verify


@click.group()
def models() -> None:
    """List, fetch, look into, convert and check weight files.

    Nothing in a file is ever run.
    """


for command in (list_, pull, inspect, convert, verify):
    models.add_command(command)
