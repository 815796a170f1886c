"""`styleclip prepare`: make the relevance table of a generator and a CLIP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.common import CommonOptions, common_options_with, without_none
from styleclip.cli.options.from_settings import settings_options
from styleclip.cli.output.progress import EtaProgress, human_number, human_time
from styleclip.errors import OutputError, UsageError
from styleclip.stylespace.settings import PreparationSettings

if TYPE_CHECKING:
    from styleclip.models import Models
    from styleclip.progress import Step
    from styleclip.relevance_table import RelevanceTable
    from styleclip.stylespace.prepare import Preparation
    from styleclip.stylespace.shards import Shard

TRUNCATED_LAYERS = {
    "all": None,
    "coarse": 8,
}  # how many w of W+: all in StyleCLIP's TensorFlow code, 8 in its PyTorch port

table_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The table.  [default: where the editors look for it, in the cache folder]",
)


@click.command()
@settings_options(PreparationSettings)
@click.option(
    "--truncate", type=click.Choice(list(TRUNCATED_LAYERS)), default="all", help="All layers, or the first eight."
)
@click.option("--no-torgb", is_flag=True, help="Leave out the channels of toRGB, as the published code does.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="N",
    help="Pictures to render at once.  [default: 32, 8 at 1024 px; on a GPU what fits]",
)
@click.option("--shard", metavar="I/N", help="Only the I-th of N shards.")
@click.option("--merge", is_flag=True, help="Join the shards that lie beside the table.")
@click.option("--restart", is_flag=True, help="Forget what an earlier run left unfinished.")
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
    """Make the relevance table: where CLIP sees a picture go when a style channel changes, for every channel.

    The same command goes on where it was interrupted. With --shard, or under torchrun, several machines or GPUs share
    the work.
    """
    from styleclip.stylespace.prepare import Preparation
    from styleclip.stylespace.shards import shard_path

    if merge:
        return _merge(common, shard)
    preparation = Preparation(**without_none(settings), cutoff=TRUNCATED_LAYERS[truncate], torgb=not no_torgb)
    mine, device = _shard_and_device(shard, common.device)
    models = _models(replace(common, device=device))
    path = _table_path(common, models)
    options = {"resume": not restart, "overwrite": common.overwrite, "batch_size": batch_size}
    table, done = _make(common.quiet, models, preparation, path, mine, options)
    whole = path.exists() and not done
    if not shard and not whole and (joined := _join_last(models, preparation, path, mine)):
        table, whole = joined, True
    note = "" if done else "It was made before, with these settings"
    _report(common, path if whole else shard_path(path, mine), table, done, note)


def _make(
    quiet: bool, models: Models, preparation: Preparation, path: Path, shard: Shard, options: dict[str, Any]
) -> tuple[RelevanceTable, Step | None]:
    """The table or shard, and how the work went if there was any to do. Ctrl-C ends the command."""
    from styleclip.stylespace.prepare import prepare as make

    last: list[Step] = []

    def on_step(step: Step) -> None:
        last[:] = [step]
        progress.tell(step.index, step.total, step.values["seconds_left"])

    try:
        with EtaProgress("prepare", quiet or shard[0] > 1) as progress:
            table = make(models, preparation, path, shard, on_step, **options)
    except KeyboardInterrupt:
        click.echo("Interrupted; what is done is kept, and the same command goes on from there", err=True)
        raise click.exceptions.Exit(130) from None
    return table, last[0] if last else None


def _join_last(models: Models, preparation: Preparation, path: Path, shard: Shard) -> RelevanceTable | None:
    """The table, if this is the last process of torchrun to end."""
    from styleclip.stylespace.shards import all_made, merge, shard_paths
    from styleclip.weights.relevance_files import probe

    shards = shard_paths(path, shard[1])
    if shard == (1, 1) or not all_made(shards, preparation.about(models), probe(models.clip)):
        return None
    return merge(path, shards)


def _merge(common: CommonOptions, shard: str | None) -> None:
    """Write the table whose shards lie beside it."""
    from styleclip.stylespace.shards import merge

    if shard:
        raise UsageError("--merge joins all shards; leave out --shard")
    path = common.out or _table_path(common, _models(common))
    if path.exists() and not common.overwrite:
        raise OutputError(f"{path} exists; pass --overwrite or another --out")
    _report(common, path, merge(path), None, "The shards stay where they are; delete them when you like")


def _shard_and_device(shard: str | None, device: str) -> tuple[Shard, str]:
    """The shard and the device of this process; torchrun tells them in the environment."""
    from styleclip.runtime.devices import DistributedEnv
    from styleclip.stylespace.shards import parse_shard

    told = DistributedEnv.from_environ()
    if told is None:
        return parse_shard(shard or "1/1"), device
    if shard:
        raise UsageError("torchrun says which shard this is; leave out --shard")
    return parse_shard(f"{told.rank + 1}/{told.world_size}"), told.device(device)


def _models(common: CommonOptions) -> Models:
    """The networks that a table is for, loaded once the folder of `--out` is known to be writable."""
    from styleclip.files import output_folder

    if common.out:
        output_folder(common.out.parent, ())
    return common.load(identity="none")


def _table_path(common: CommonOptions, models: Models) -> Path:
    from styleclip.weights.relevance_files import prepared_path

    return common.out or prepared_path(models.provenance["generator"]["network"], models.clip)


def _report(common: CommonOptions, path: Path, table: RelevanceTable, done: Step | None, note: str) -> None:
    """Print where the table is, how fast it was made and how sure its rows are."""
    import torch

    record: dict[str, Any] = dict(table.about)
    lines = []
    if done:
        renders, seconds = round(done.values["renders"]), done.values["seconds"]
        rate = renders / seconds
        record |= {"renders": renders, "seconds": seconds, "renders_per_second": rate}
        lines.append(f"{renders:,} renders in {human_time(seconds)}, {human_number(rate)} a second")
    if table.error is not None and table.measured.any() and table.about["images"] > 1:
        median, most = torch.quantile(table.error[table.measured], torch.tensor([0.5, 0.9])).tolist()
        record["error"] = {"median": median, "percentile_90": most}
        more = f"{4 * table.about['images']:,} images would halve it"
        lines.append(f"Standard error of a row: median {median:.2f}, 90th percentile {most:.2f}; {more}")
    common.report([path], record)
    if lines and not common.as_json:
        click.echo("\n".join(lines))
    if note and not common.quiet:
        click.echo(note, err=True)
