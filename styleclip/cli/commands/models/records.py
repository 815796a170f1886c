"""JSON of the weights of the catalog, for `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from styleclip.weights.catalog import Weight

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


def weight_records(weights: Sequence[Weight]) -> list[dict[str, Any]]:
    return [{**vars(weight), "path": weight.path, "present": weight.path.exists()} for weight in weights]


def print_json(value: object) -> None:
    from styleclip.files import to_json

    click.echo(to_json(value), nl=False)
