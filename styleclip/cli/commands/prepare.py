"""`styleclip prepare`: make the relevance table of a generator and a CLIP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.common import CommonOptions, common_options_with, without_none
from styleclip.cli.options.from_settings import AdvancedOption, Command, settings_options
from styleclip.cli.output.progress import EtaProgress, exit_on_interrupt
from styleclip.errors import OutputError, UsageError
from styleclip.stylespace.settings import PreparationSettings
from styleclip.units import human_number, human_time

if TYPE_CHECKING:
    from styleclip.models import Models
    from styleclip.progress import Step
    from styleclip.relevance_table import RelevanceTable

TRUNCATED_WS = {"all": None, "coarse": 8}  # w of W+: all in StyleCLIP's TensorFlow code, 8 in its PyTorch port
TRUNCATE = "Truncate all layers, or the first eight."
TABLE_OUT = "The table.  [default: where the editors look for it, in the cache folder]"
BATCH_SIZE = "Pictures to render at once.  [default: 32, 8 at 1024 px; on a GPU what fits]"
NO_TORGB = "Leave out the channels of toRGB, as the published code does."
RESUMABLE = "what is done is kept, and the same command goes on from there"  # the message after Ctrl-C
table_option = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=TABLE_OUT)


@click.command(cls=Command)
@settings_options(PreparationSettings)
@click.option(
    "--truncate", type=click.Choice(list(TRUNCATED_WS)), default="all", help="All layers, or the first eight."
)
@click.option("--no-torgb", is_flag=True, cls=AdvancedOption, help=NO_TORGB)
@click.option("--batch-size", type=click.IntRange(1), metavar="N", cls=AdvancedOption, help=BATCH_SIZE)
@click.option("--shard", metavar="I/N", help="Only the I-th of N shards.")
@click.option("--merge", is_flag=True, help="Join the shards that lie beside the table.")
@click.option("--restart", is_flag=True, help="Discard the rows of an unfinished run.")
@common_options_with(table_option)
def prepare(
    common: CommonOptions,
    truncate: str,
    no_torgb: bool,
    batch_size: int | None,
    shard: str | None,
    merge: bool,
    restart: bool,
    **settings: Any,
) -> None:
    """Make the relevance table: for every style channel the direction in which a change of it moves CLIP's features.

    The same command goes on where it was interrupted. With --shard, or under torchrun, several machines or GPUs share
    the work.
    """
    from styleclip.stylespace import shards
    from styleclip.stylespace.prepare import Preparation
    from styleclip.stylespace.prepare import prepare as make_table
    from styleclip.weights.provenance import probe

    if merge:
        return _merge(common, shard)
    preparation = Preparation(**without_none(settings), cutoff=TRUNCATED_WS[truncate], torgb=not no_torgb)
    part, device = shards.process_shard(shard, common.device)
    models, path = _models_and_path(replace(common, device=device))
    bar = EtaProgress("prepare", common.quiet or part[0] > 1, names=())
    with exit_on_interrupt(RESUMABLE), bar:
        table = make_table(models, preparation, path, part, bar, not restart, common.overwrite, batch_size)
    is_whole = path.exists() and bar.step is None
    if not (is_whole or shard or part == (1, 1)):  # the last process of torchrun to end joins all shards
        joined = shards.merge_complete(path, part[1], preparation.about(models), probe(models.clip))
        table, is_whole = joined or table, joined is not None
    note = "" if bar.step else "It was made before, with these settings"
    _report(common, path if is_whole else shards.shard_path(path, part), table, bar.step, note)


def _merge(common: CommonOptions, shard: str | None) -> None:
    """Write the table whose shards lie beside it."""
    from styleclip.stylespace.shards import merge

    if shard:
        raise UsageError("--merge joins all shards; leave out --shard")
    path = common.out or _models_and_path(common)[1]
    if path.exists() and not common.overwrite:
        raise OutputError(f"{path} exists; pass --overwrite or another --out")
    _report(common, path, merge(path), None, "The shards stay where they are; delete them when you like")


def _models_and_path(common: CommonOptions) -> tuple[Models, Path]:
    """The networks and the file of the table; the folder of `--out` is checked before the networks are loaded."""
    from styleclip.files import output_folder
    from styleclip.weights.relevance_files import prepared_path

    if common.out:
        output_folder(common.out.parent, ())
    models = common.load(identity="none")
    return models, common.out or prepared_path(models.provenance["generator"]["network"], models.clip)


def _report(common: CommonOptions, path: Path, table: RelevanceTable, last: Step | None, note: str) -> None:
    """Print where the table is, how fast it was made, and the standard error of its rows."""
    record, lines = dict(table.about), []
    if last:
        renders, seconds = round(last.values["renders"]), last.values["seconds"]
        record |= {"renders": renders, "seconds": seconds, "renders_per_second": renders / seconds}
        lines.append(f"{renders:,} renders in {human_time(seconds)}, {human_number(renders / seconds)} a second")
    if error := table.error_quantiles():
        record["error"] = {"median": error[0], "percentile_90": error[1]}
        more = f"{4 * table.about['images']:,} images would halve it"
        lines.append(f"Standard error of a row: median {error[0]:.2f}, 90th percentile {error[1]:.2f}; {more}")
    common.report([path], record, lines)
    if note and not common.quiet:
        click.echo(note, err=True)
