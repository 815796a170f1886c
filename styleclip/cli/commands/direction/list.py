"""`styleclip direction list`: tables of the directions of the library and of the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option, table

if TYPE_CHECKING:
    from styleclip.directions.listing import ListedDirection

TITLE = "Directions of your library, for `--direction NAME`"
EMPTY = "Your library has no directions yet; make some with `styleclip direction sefa`, or import a file."
CATALOG_TITLE = "Published directions, which are fetched when first used; `styleclip models pull NAME` fetches one"
HEAD = ("  NAME", "SPACE", "LAYERS", "UNIT", "RANGE", "GENERATOR", "LICENCE", "SOURCE")
CATALOG_HEAD = ("  NAME", "RANGE", "GENERATOR", "LICENCE", "WHAT")
LEGEND = (
    "",
    "UNIT is the alpha that --strength 1 stands for, RANGE the useful alphas; abs: alpha is a place to move to.",
    "GENERATOR with ?: the file does not say; it was imported for this one.",
    "* is on this disk; `styleclip direction list --json` has all that is known.",
)
MAX_ROWS = 16  # of a pack
MAX_CELL_CHARS = 24


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the directions of your library and the published ones that have a name."""
    from styleclip.directions.library import library_folder
    from styleclip.directions.listing import list_catalog, list_library

    mine, published = list_library(), list_catalog()
    if as_json:
        print_json({"folder": library_folder(), "library": mine, "catalog": published})
        return
    lines = [TITLE, *table([HEAD, *_library_rows(mine)], numbers=(3,), wrap=True)] if mine else [EMPTY]
    rows = [CATALOG_HEAD, *((_name(each), *_cells(each)[3:]) for each in published)]
    print_lines(*lines, "", CATALOG_TITLE, *table(rows, wrap=True), *LEGEND)


def _library_rows(directions: Sequence[ListedDirection]) -> Iterator[tuple[str, ...]]:
    """A row per direction; of a large pack the first ones and their number."""
    shown: dict[str, int] = {}
    for each in directions:
        pack = str(each.path)
        shown[pack] = shown.get(pack, 0) + 1
        if shown[pack] <= MAX_ROWS:
            problem = each.problem.removeprefix(f"{each.path}: ")
            yield (_name(each), *([""] * 6), problem) if problem else (_name(each), *_cells(each))
        elif shown[pack] == MAX_ROWS + 1:
            count = sum(str(other.path) == pack for other in directions)
            yield ("  ...", *([""] * 6), f"{count - MAX_ROWS} more in {each.name.partition(':')[0]}")


def _name(each: ListedDirection) -> str:
    return f"{'*' if each.present and not each.problem else ' '} {each.name}"


def _cells(each: ListedDirection) -> tuple[str, ...]:
    """SPACE, LAYERS, UNIT, RANGE, GENERATOR, LICENCE, SOURCE."""
    from styleclip.weights.catalog import short_licence

    space = f"{each.space or ''}{' abs' if each.absolute else ''}"
    unit = "" if each.unit is None else f"{each.unit:.3g}"
    span = "" if each.range is None else f"{each.range[0]:g}..{each.range[1]:g}"
    assumed = f"{each.imported_for[:8]}?" if each.imported_for else ""
    generator = each.generator or (each.fingerprint or "")[:8] or assumed
    short = short_licence(each.licence)
    licence = each.licence[:MAX_CELL_CHARS] if short == "see --json" else short
    layers = each.layers or ("all" if each.space in ("w", "w+") else "")
    return space, layers, unit, span, generator, licence, each.source
