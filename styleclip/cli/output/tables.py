"""What `styleclip models` shows to people: tables of models and files, and the description of a file."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styleclip.weights.catalog import Weight

MIN_LINE_WIDTH, MAX_LINE_WIDTH = 100, 120  # characters of a line; between them, as many as the terminal has
SHORT_LICENCES = {  # words of a licence -> what the table says for it; the first that fits
    "NVIDIA": "NVIDIA non-commercial",
    "research only": "research only",
    "non-commercial": "non-commercial",
    "no commercial use": "non-commercial",
    "model card": "MIT, see model card",
    "own terms": "MIT, terms of photos",
    "MIT": "MIT",
}
LEGEND = """
* is on this disk. A size that is not given is not published. Licences are in short here;
`styleclip models list --json` has all of them, and each is shown before its download."""


def model_lines(bundles: Mapping[str, Mapping[str, Any]], here: Mapping[str, bool]) -> list[str]:
    """The models of the catalog; `here` says which are on this disk."""
    rows = [("  NAME", "CLIP", "IDENTITY", "WHAT")]
    for name, entry in bundles.items():
        clip = "its own" if entry["clip"].endswith(".safetensors") else entry["clip"]
        rows.append((_name_with_mark(name, here[name]), clip, entry["identity"], entry["what"]))
    told = "Models, for `--model NAME`: a generator with the CLIP and the identity network that suit it"
    return [told, *table(rows), ""]


def file_lines(files: Sequence[Weight]) -> list[str]:
    """The single files of the catalog."""
    rows = [("  NAME", "KIND", "PX", "SIZE", "LICENCE", "WHAT")]
    for weight in files:
        numbers = (str(weight.resolution or ""), human_bytes(weight.size) if weight.size else "")
        name = _name_with_mark(weight.name, weight.path.exists())
        rows.append((name, weight.kind, *numbers, short_licence(weight.licence), weight.what))
    told = "Files, for `styleclip models pull NAME`; generators for `--model NAME` too, CLIPs for `--clip NAME`"
    return [told, *table(rows), LEGEND]


def description(found: Mapping[str, Any]) -> list[str]:
    """What `describe` found in a file, and what the `catalog` says of it."""
    head = [("sha256", found["sha256"])]
    if entry := found["catalog"]:
        head += [("name", f"{entry['name']}: {entry['what']}"), ("licence", entry["licence"])]
    lines = [f"{found['file']}  {human_bytes(found['bytes'])}", *table(head)]
    for part in found["parts"]:
        rows = [(f"  {name}", _value_text(value)) for name, value in part.items() if name != "kind"]
        lines += ["", part["kind"], *table(rows)]
    return lines


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows with their columns aligned and the last one wrapped."""
    rows = list(rows)
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)][:-1]
    width = min(max(shutil.get_terminal_size((MAX_LINE_WIDTH, 0)).columns, MIN_LINE_WIDTH), MAX_LINE_WIDTH)
    below = " " * sum(widths)
    lines = []
    for *cells, last in rows:
        head = "".join(map(str.ljust, cells, widths))
        wrapped = textwrap.wrap(last, width, initial_indent=head, subsequent_indent=below, break_on_hyphens=False)
        lines += wrapped or [head.rstrip()]
    return lines


def short_licence(licence: str) -> str:
    """A licence in two or three words."""
    return next((tag for words, tag in SHORT_LICENCES.items() if words in licence), "see --json")


def human_bytes(count: int) -> str:
    """`1_201_649_680 -> "1.2 GB"`."""
    power = min(4, int(math.log(max(count, 1), 1000)))
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _name_with_mark(name: str, here: bool) -> str:
    return f"{'*' if here else ' '} {name}"


def _value_text(value: object) -> str:
    """None and 0 are "none"; long numbers are cut into thousands."""
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    return "none" if value in (None, 0) else str(value)
