"""`styleclip evaluate`: measure an editor on many seeds and prompts."""

from __future__ import annotations

from pathlib import Path

import click

from styleclip.cli.common import Common, Seeds, common_options
from styleclip.cli.progress import Progress
from styleclip.errors import UsageError

FILES = ("report.json", "report.png")


@click.command()
@click.option(
    "--editor",
    "method",
    type=click.Choice(["optimize", "global-dir"]),
    default="optimize",
    help="The editor to measure.",
)
@click.option("--seeds", type=Seeds(), default="0-19", metavar="LIST", help="The faces to edit, e.g. 0-7,12.")
@click.option(
    "--prompts",
    "prompt_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="One prompt per line.  [default: the built-in set]",
)
@common_options
def evaluate(common: Common, method: str, seeds: tuple[int, ...], prompt_file: Path | None) -> None:
    """Edit many faces with many prompts, and tabulate how well each edit hit and what else it moved."""
    import styleclip.evaluate as evaluation
    from styleclip.records import atomic_write, replacing, to_json

    prompts = read_prompts(prompt_file) if prompt_file else None
    folder = common.folder("evaluation", FILES)
    models = common.load()
    with Progress("evaluate", common.quiet) as progress:
        report = evaluation.run(models, method, list(seeds), prompts=prompts, on_cell=progress.show)
    with replacing(folder / "report.png") as temporary:
        report.plot(temporary)
    record = report.to_json()
    paths = [folder / "report.png", atomic_write(folder / "report.json", to_json(record).encode())]
    if not common.as_json:
        click.echo(report.table())
    common.report(paths, record)


def read_prompts(path: Path) -> list[str]:
    """The lines of a file without blank lines and `#` comments; raises UsageError where none is left."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8; write one prompt per line") from error
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise UsageError(f"{path} holds no prompt; write one per line")
    return prompts
