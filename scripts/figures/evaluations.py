"""Write the tables of evaluations into Markdown files: python -m scripts.figures.evaluations FOLDER

FOLDER/NAME/report.json are reports of `styleclip evaluate --out FOLDER/NAME`. A table stands between two lines

    <!-- evaluation: NAME -->
    <!-- end -->

With one name it has a row for each prompt; with several, such as `<!-- evaluation: optimize mappers -->`, a row for
each report and, where their prompts are the same, the clean edits of every prompt. Tables without a report stay as they
are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from benchmarks.tools import markdown_table
from styleclip.evaluate import Report, Row, load_report
from styleclip.evaluate.scores import TABLE_FORMATS
from styleclip.files import atomic_write

BLOCK = re.compile(r"(<!-- evaluation: (?P<names>[^>]+?) -->\n).*?(<!-- end -->)", re.S)
FILES = tuple(Path("benchmarks", f"{name}.md") for name in ("demo", "global_direction", "mapper", "editors"))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--file", "files", multiple=True, type=click.Path(exists=True, path_type=Path), default=FILES)
def main(folder: Path, files: Sequence[Path]) -> None:
    """Replace the tables of evaluations by those of the reports in FOLDER."""
    reports = {path.parent.name: load_report(path) for path in sorted(folder.glob("*/report.json"))}
    for file in files:
        text = file.read_text()
        names = [match["names"] for match in BLOCK.finditer(text)]
        written = BLOCK.sub(lambda match: _replace(match, reports), text)
        atomic_write(file, written.encode())
        absent = [name for name in " ".join(names).split() if name not in reports]
        print(f"{file}: {len(names)} tables" + (f"; there is no report of {', '.join(absent)}" if absent else ""))


def _replace(match: re.Match[str], reports: Mapping[str, Report]) -> str:
    names = match["names"].split()
    if not set(names) <= reports.keys():
        return match[0]
    chosen = {name: reports[name] for name in names}
    table = next(iter(chosen.values())).table() if len(names) == 1 else comparison(chosen)
    return f"{match[1]}{table}\n{match[3]}"


def comparison(reports: Mapping[str, Report]) -> str:
    """A row for each report and the oracle; then a row for each prompt, where all reports have the same."""
    rows = [reports_row(f"`{name}`", report.mean_rows()[0]) for name, report in reports.items()]
    oracle = next(iter(reports.values())).mean_rows()[1]
    tables = [markdown_table(["editor", "faces", *TABLE_FORMATS], [*rows, reports_row("oracle", oracle)])]
    prompts = {tuple(score.prompt for score in report.prompts) for report in reports.values()}
    if len(prompts) == 1:
        by_prompt = zip(*(report.prompt_rows() for report in reports.values()), strict=True)
        cells = [
            [row[0].label, str(row[0].faces), *(f"{each.means['clean']:.2f}" for each in row)]
            + [f"{row[0].oracle['clean']:.2f}"]
            for row in by_prompt
        ]
        tables.append(
            markdown_table(["clean, by prompt", "faces", *(f"`{name}`" for name in reports), "oracle"], cells)
        )
    return "\n\n".join(tables)


def reports_row(label: str, row: Row) -> list[str]:
    return [label, *row.cells()[1:]]


if __name__ == "__main__":
    main()
