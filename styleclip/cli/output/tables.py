"""Plain text tables, and the option of JSON in their place."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence

from styleclip.cli.options.option import option
from styleclip.text.printable import printable

MIN_LINE_WIDTH, MAX_LINE_WIDTH = 100, 120  # characters of a wrapped line; between them, as many as the terminal has


def table(rows: Iterable[Sequence[object]], numbers: Sequence[int] = (), wrap: bool = False) -> list[str]:
    """Lines with aligned columns, two spaces apart.

    Args:
        rows: the cells of each line.
        numbers: the columns, counted from 0, that are aligned to the right.
        wrap: whether to wrap the last column at the width of the terminal.
    """
    texts = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for row in texts:
        cells = [
            text.rjust(width) if i in numbers else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        head = "".join(f"{cell}  " for cell in cells[:-1])
        lines += _wrap(head, row[-1]) if wrap else [(head + cells[-1]).rstrip()]
    return lines


def _wrap(head: str, text: str) -> list[str]:
    """`text` behind `head` in lines of the terminal's width."""
    width = min(max(shutil.get_terminal_size((MAX_LINE_WIDTH, 0)).columns, MIN_LINE_WIDTH), MAX_LINE_WIDTH)
    below = " " * len(head)
    lines = textwrap.wrap(text, width, initial_indent=head, subsequent_indent=below, break_on_hyphens=False)
    return lines or [head.rstrip()]


json_option = option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
