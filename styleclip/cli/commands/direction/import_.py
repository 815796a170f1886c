"""`styleclip direction import`: take directions of any author into the library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.commands.direction.entries import add_entry
from styleclip.cli.options.common import COMMON_KINDS, CommonOptions
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.types import LAYERS, Parsed
from styleclip.errors import UsageError
from styleclip.text.names import name_title, slug
from styleclip.text.parsing import parse_numbers

if TYPE_CHECKING:
    from styleclip.methods.latent_direction import LatentDirection
    from styleclip.methods.style_direction import StyleDirection
    from styleclip.models import Models


def parse_range(text: str) -> tuple[float, float]:
    """Two numbers, the lower one first: `-3,5`."""
    numbers = parse_numbers(text)
    if len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise ValueError(f"{text!r} is not a range; write the lowest and the highest alpha like -3,5.")
    return numbers[0], numbers[1]


RANGE = Parsed("range", parse_range)


@click.command("import")
@click.argument("file", metavar="FILE")
@option("--name", metavar="NAME", help="The name in the library.  [default: that of the catalog, or of the file]")
@option(
    "--space",
    type=click.Choice(["w", "w+", "s"]),
    help="The space of the numbers.  [default: by their shape]",
)
@option("--layers", type=LAYERS, metavar="LIST", help="The layers that move, e.g. 4-7.  [default: the file's, or all]")
@option("--index", metavar="N|NAME", help="One of several, by its number from 0 or its name.  [default: all, a pack]")
@option("--range", "range_", type=RANGE, metavar="LO,HI", help="The lowest and highest useful alpha.")
@option("--absolute", is_flag=True, help="Alpha is a coordinate to move to, as in e4e's GANSpace edits.")
@option("--licence", metavar="TEXT", help="The terms of the file.")
@option("--calibrate/--no-calibrate", default=True, help="Measure the unit of --strength.")
@option_group("common", CommonOptions, COMMON_KINDS, without=("out", "metadata", "record_paths"))
def import_(
    common: CommonOptions,
    file: str,
    name: str | None,
    space: str | None,
    layers: tuple[int, ...] | None,
    index: str | None,
    range_: tuple[float, float] | None,
    absolute: bool,
    licence: str | None,
    calibrate: bool,
) -> None:
    """Take the directions of FILE into the library.

    FILE is a direction or a set of any author (docs/files.md), a folder of them, a pack, a URL,
    hf://OWNER/REPO/FILE or a name of the catalog. Nothing in it is run and no number is scaled.
    """
    from styleclip.directions.library import check_new

    name = _default_name(file) if name is None else name
    check_new(name, common.overwrite)
    models = common.load(clip_on_use=True)
    options = {"space": space, "layers": layers, "absolute": absolute, "range": range_, "licence": licence or ""}
    directions = read(common, file, index, models, options)
    add_entry(common, models, directions, name, calibrate)


def _default_name(file: str) -> str:
    """The name in the catalog of a published file, else the title of the file."""
    from styleclip.weights.recognition import known_weight

    known = known_weight(file) if Path(file).is_file() else None
    title = name_title(str(Path(file).resolve()) if Path(file).is_dir() else file)  # "." has a name
    return known.name if known else slug(title.rpartition(":")[2])


def read(
    common: CommonOptions, file: str, index: str | None, models: Models, options: dict[str, Any]
) -> Sequence[LatentDirection] | StyleDirection:
    """The directions of FILE. Raises UsageError for options that its kind does not have."""
    from styleclip.directions.importing import import_directions
    from styleclip.directions.library import DirectionFile, direction_file
    from styleclip.directions.loading import read_directions
    from styleclip.methods.style_direction import StyleDirection
    from styleclip.weights.direction_files import is_own_file

    found = DirectionFile(Path(file)) if Path(file).is_dir() else direction_file(file, common.fetch)
    if index is not None and found.key is not None:
        raise UsageError(f"{file} names {found.key} already; leave --index out")
    if is_own_file(found.path):
        first, *_ = read_directions(found.path, models)
        if isinstance(first, StyleDirection):
            if index is not None or any(options.values()):
                raise UsageError(f"{file} is the direction of a text, which has its own space; leave the options out")
            return first
    return import_directions(found.path, models, index=found.key if index is None else index, **options)
