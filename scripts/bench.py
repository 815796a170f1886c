"""How fast this machine is: python -m scripts.bench generator, or optimize, prepare, mapper, ops, edit

Every subcommand lives in scripts/bench_NAME.py. Each prints a table of ratios, most of them to the published recipe
(published.py), of what was measured in turn in one run (timing.py), under a line that says on what. But for the demo's
the weights are random, so no file is needed.
"""

from __future__ import annotations

from importlib import import_module

import click

NAMES = ("generator", "optimize", "prepare", "mapper", "ops", "edit")


class Benches(click.Group):
    """Imports the one that is asked for, so that it runs where packages that only others need are missing."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        command: click.Command | None = getattr(import_module(f"scripts.bench_{name}"), name) if name in NAMES else None
        return command


@click.group(cls=Benches)
def main() -> None:
    """Time what takes long."""


if __name__ == "__main__":
    main()
