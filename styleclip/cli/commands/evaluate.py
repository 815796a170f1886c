"""`styleclip evaluate`: measure an editor on many seeds and prompts."""

from __future__ import annotations

from pathlib import Path

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.types import EXISTING_FILE, SEEDS
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.methods import settings_methods

REPORT_FILES = ("report.json", "report.png")
PROMPTS_HELP = "One prompt per line.  [default: the built-in set]"


@click.command()
@click.option(
    "--editor",
    "method",
    type=click.Choice(settings_methods()),
    help="The editor to measure.  [default: optimize]",
)
@click.option(
    "--mapper",
    "mappers",
    multiple=True,
    metavar="NAME",
    help="In place of an editor, a latent mapper with the prompt it was trained for: a name, file or URL.",
)
@click.option("--seeds", type=SEEDS, default="0-19", metavar="LIST", help="The faces to edit, e.g. 0-7,12.")
@click.option("--prompts", "prompt_file", type=EXISTING_FILE, metavar="FILE", help=PROMPTS_HELP)
@common_options
def evaluate(
    common: CommonOptions,
    method: str | None,
    mappers: tuple[str, ...],
    seeds: tuple[int, ...],
    prompt_file: Path | None,
) -> None:
    """Edit many faces with many prompts, and tabulate how well each edit hit and what else it moved."""
    if mappers and (method or prompt_file):
        raise UsageError("a mapper is an editor with its own prompt; leave out --editor and --prompts")
    import styleclip.evaluate as evaluation
    from styleclip.methods.mapper import LatentMapper, load_trained_mapper
    from styleclip.weights.locate import mapper_file

    prompts = evaluation.read_prompts(prompt_file) if prompt_file else None
    files = [mapper_file(name, common.fetch) for name in mappers]
    folder = common.folder("evaluation", REPORT_FILES)
    models = common.load()
    with Progress("evaluate", common.quiet) as progress:
        if files:
            trained = [LatentMapper(load_trained_mapper(file, models)) for file in files]
            report = evaluation.run_mappers(models, trained, list(seeds), progress)
        else:
            report = evaluation.run(models, method or "optimize", list(seeds), prompts, progress)
    paths = report.save(folder)
    if not common.as_json:
        click.echo(report.table())
    common.report(paths, report.to_json())
