"""Benchmarks: python -m benchmarks NAME, one of NAMES.

Subcommand NAME is in benchmarks/NAME.py. Each prints a table of time and memory ratios, most of them to the published
recipe (benchmarks/published_*.py), below a headline with the machine and the versions. All variants are timed in one
run, most of them in turn (timing.py). Weights are random except for the demo models', so no download is needed.
"""

from __future__ import annotations

from importlib import import_module

import click

NAMES = (
    "generator",
    "optimize",
    "prepare",
    "mapper",
    "ops",
    "edit",
    "preview",
    "studio",
    "directions",
    "strokes",
    "stylegan3",
)


class BenchGroup(click.Group):
    """Imports only the requested subcommand, so that it runs without packages that others need."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        command: click.Command | None = getattr(import_module(f"benchmarks.{name}"), name) if name in NAMES else None
        return command


@click.group(cls=BenchGroup)
def main() -> None:
    """Time the slow parts of styleclip."""


if __name__ == "__main__":
    main()
