"""`styleclip evaluate`: measure an editor on many seeds and prompts."""

from __future__ import annotations

from pathlib import Path

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.types import Seeds
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.methods import settings_methods

FILES = ("report.json", "report.png")


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
@click.option("--seeds", type=Seeds(), default="0-19", metavar="LIST", help="The faces to edit, e.g. 0-7,12.")
@click.option(
    "--prompts",
    "prompt_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="One prompt per line.  [default: the built-in set]",
)
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
    from styleclip.files import atomic_path, atomic_write, to_json
    from styleclip.methods.mapper import LatentMapper, load_trained_mapper
    from styleclip.weights.locate import mapper_file

    prompts = read_prompts(prompt_file) if prompt_file else None
    files = [mapper_file(name, common.fetch) for name in mappers]
    folder = common.folder("evaluation", FILES)
    models = common.load()
    with Progress("evaluate", common.quiet) as progress:
        if files:
            trained = [LatentMapper(load_trained_mapper(file, models)) for file in files]
            report = evaluation.run_mappers(models, trained, list(seeds), progress)
        else:
            report = evaluation.run(models, method or "optimize", list(seeds), prompts, progress)
    with atomic_path(folder / "report.png") as temporary:
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
