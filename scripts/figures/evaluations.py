"""Write the tables of evaluations into Markdown files: python -m scripts.figures.evaluations FOLDER

Every report.json below FOLDER is a report, named by its path: `styleclip evaluate --out FOLDER/set/optimize` makes
`set/optimize`. A table stands between two lines

    <!-- evaluation: set/optimize -->
    <!-- end -->

With one name it has a row for each prompt. With several names, separated by spaces, it has a row for each report,
labelled by the last part of its name, and one for the oracle; where all have the same prompts, a second table has the
clean edits of each prompt. Tables without a report stay as they are.

The pages of FILES are made from

    styleclip evaluate --set reporting --editor optimize --out FOLDER/set/optimize
    styleclip evaluate --set reporting --editor global-dir --out FOLDER/set/global-dir
    styleclip evaluate --set reporting --mapper demo-surprised --mapper demo-curly-hair --mapper demo-old
        --mapper demo-blue-hair --out FOLDER/four/map

and from FOLDER/four/optimize and FOLDER/four/global-dir, with the texts of the mappers as --prompts and their --seeds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from benchmarks.tools import markdown_table
from styleclip.evaluate import Report, Row, load_report
from styleclip.evaluate.demo_world.scores import TABLE_FORMATS, format_mean
from styleclip.storage.files import atomic_write

BLOCK = re.compile(r"(<!-- evaluation: (?P<names>[^>]+?) -->\n).*?(<!-- end -->)", re.S)
FILES = tuple(Path("benchmarks", f"{name}.md") for name in ("demo", "global_direction", "mapper", "editors"))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--file", "files", multiple=True, type=click.Path(exists=True, path_type=Path), default=FILES)
def main(folder: Path, files: Sequence[Path]) -> None:
    """Replace the tables of evaluations by those of the reports below FOLDER."""
    paths = sorted(folder.rglob("report.json"))
    reports = {path.parent.relative_to(folder).as_posix(): load_report(path) for path in paths}
    for file in files:
        text = file.read_text("utf-8")
        atomic_write(file, with_tables(text, reports).encode())
        names = dict.fromkeys(name for match in BLOCK.finditer(text) for name in match["names"].split())
        for name in names:
            print(f"{file}: {name}{'' if name in reports else ', of which there is no report'}")


def with_tables(text: str, reports: Mapping[str, Report]) -> str:
    """The text with the tables of the reports between its marks."""

    def block(match: re.Match[str]) -> str:
        names = match["names"].split()
        if not set(names) <= reports.keys():
            return match[0]
        table = reports[names[0]].table() if len(names) == 1 else comparison({name: reports[name] for name in names})
        return f"{match[1]}\n{table}\n\n{match[3]}"

    return BLOCK.sub(block, text)


def comparison(reports: Mapping[str, Report]) -> str:
    """A row for each report and one for the oracle; and the clean edits of each prompt where all have the same."""
    labels = [f"`{name.rpartition('/')[2]}`" for name in reports]
    means = [report.mean_rows()[0] for report in reports.values()]
    rows = [_cells(*pair) for pair in zip(labels, means, strict=True)]
    oracle = next(iter(reports.values())).mean_rows()[1]
    tables = [markdown_table(["editor", "faces", *TABLE_FORMATS], [*rows, _cells("oracle", oracle)])]
    prompts = {tuple(score.prompt for score in report.prompts) for report in reports.values()}
    if len(prompts) == 1:
        by_prompt = zip(*(report.prompt_rows() for report in reports.values()), strict=True)
        columns = ["clean, by prompt", "faces", *labels, "oracle"]
        tables.append(markdown_table(columns, [_clean_cells(rows) for rows in by_prompt]))
    return "\n\n".join(tables)


def _cells(label: str, row: Row) -> list[str]:
    return [label, *row.cells()[1:]]


def _clean_cells(rows: Sequence[Row]) -> list[str]:
    """The clean edits of one prompt by each editor and by the oracle."""
    clean = [*(row.means["clean"] for row in rows), rows[0].oracle["clean"]]
    return [rows[0].label, str(rows[0].faces), *(format_mean(value, ".2f") for value in clean)]


if __name__ == "__main__":
    main()
