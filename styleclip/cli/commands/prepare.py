"""`styleclip prepare`: make the samples or the relevance table of a generator and a CLIP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from styleclip.cli.options.common import CommonOptions, common_options_with, without_none
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import AdvancedOption, option
from styleclip.cli.options.types import PSI_RANGE, CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import EtaProgress, exit_on_interrupt
from styleclip.errors import OutputError, UsageError
from styleclip.settings import published_values
from styleclip.stylespace.settings import SampleSettings, TableSettings
from styleclip.text.units import human_number, human_time

if TYPE_CHECKING:
    from styleclip.models import Models
    from styleclip.progress import Step
    from styleclip.relevance_table import RelevanceTable
    from styleclip.samples import Samples
    from styleclip.stylespace.preparation import PreparationBase
REGRESSION = "regression"
TRUNCATED_WS = {"all": None, "coarse": 8}  # w of W+: all in StyleCLIP's TensorFlow code, 8 in its PyTorch port
METHOD = (
    "Samples that CLIP sees, for a regression; or a relevance table: render every channel by itself, as the published "
    "code did, or differentiate."
)
TRUNCATE = "Truncate all layers, or the first eight (tables).  [default: all]"
TABLE_OUT = "The file.  [default: where the editors look for it, in the cache folder]"
BATCH_SIZE = "Pictures to render at once (tables).  [default: 32, 8 at 1024 px; on a GPU what fits]"
NO_TORGB = "Leave out the channels of toRGB, as the published code does (tables)."
RESUMABLE = "what is done is kept, and the same command goes on from there"  # the message after Ctrl-C
SAMPLES_PSI, TABLE_PSI = (published_values(kind)["psi"] for kind in (SampleSettings, TableSettings))
PSI = f"Truncation of the samples.  [default: {SAMPLES_PSI:g}; {TABLE_PSI:g} for tables]"
NUM_LATENTS = (
    "Samples for the mean and the deviation of the channels (tables).  "
    f"[default: {published_values(TableSettings)['samples']}]"
)
methods = click.Choice([REGRESSION, "exact", "official", "gradient"])
table_option = option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=TABLE_OUT)


@click.command(cls=Command)
@option("--method", type=methods, default=REGRESSION, show_default=True, help=METHOD)
@settings_options(SampleSettings, without=("psi",))
@option("--psi", type=PSI_RANGE, metavar="F", help=PSI)
@settings_options(TableSettings, without=("method", "samples", "seed", "psi"))
@option("--num-latents", type=CountRange(2), metavar="N", help=NUM_LATENTS)
@option("--truncate", type=click.Choice(list(TRUNCATED_WS)), help=TRUNCATE)
@option("--no-torgb", is_flag=True, default=None, cls=AdvancedOption, help=NO_TORGB)
@option("--batch-size", type=CountRange(1), metavar="N", cls=AdvancedOption, help=BATCH_SIZE)
@option("--shard", metavar="I/N", help="Only the I-th of N shards.")
@option("--merge", is_flag=True, help="Join the shards that lie beside the file.")
@option("--restart", is_flag=True, help="Discard what an unfinished run has made.")
@common_options_with(table_option)
def prepare(
    common: CommonOptions,
    method: str,
    batch_size: int | None,
    shard: str | None,
    merge: bool,
    restart: bool,
    **settings: Any,
) -> None:
    """Prepare a generator for global directions: let a CLIP see samples of it, or make its relevance table.

    The same command goes on where it was interrupted. With --shard, or under torchrun, several machines or GPUs share
    the work.
    """
    from styleclip.stylespace import merging, shards
    from styleclip.stylespace.prepare import prepare as make
    from styleclip.weights.provenance import probe

    if merge:
        return _merge(common, method, shard)
    preparation = _preparation(method, {"batch_size": batch_size, **settings})
    part, device = shards.process_shard(shard, common.device)
    models, path = _models_and_path(replace(common, device=device), method)
    bar = EtaProgress("prepare", common.quiet or part[0] > 1, names=())
    with exit_on_interrupt(RESUMABLE), bar:
        made = make(models, preparation, path, part, bar, not restart, common.overwrite, batch_size)
    record = preparation.about(models), probe(models.clip)
    is_whole = bar.step is None and preparation.earlier(models, path, *record) is not None
    if not (is_whole or shard or part == (1, 1)):  # the last process of torchrun to end joins all shards
        joined = merging.merge_complete(path, preparation.part, part[1], *record, models)
        made, is_whole = joined or made, joined is not None
    note = "" if bar.step else "It was made before, with these settings"
    _report(common, path if is_whole else shards.shard_path(path, part), made, bar.step, note)


def _preparation(method: str, settings: dict[str, Any]) -> PreparationBase[Any, Any]:
    """The settings that were given; raises UsageError for those of the other kind of method."""
    from styleclip.stylespace.sample_preparation import SamplePreparation
    from styleclip.stylespace.table_preparation import Preparation

    given = without_none(settings)
    own = ("samples",) if method == REGRESSION else ("images", "num_latents", "truncate", "no_torgb", "batch_size")
    if useless := [name for name in given if name not in (*own, "seed", "psi")]:
        option = useless[0].replace("_", "-")
        remedy = "pass --method exact for a table" if method == REGRESSION else f"pass --method {REGRESSION}"
        raise UsageError(f"--{option} has no use with --method {method}; leave it out, or {remedy}")
    if method == REGRESSION:
        return SamplePreparation(**given)
    own_names = {"images": "images", "seed": "seed", "psi": "psi", "num_latents": "samples"}
    table = {own_names[name]: value for name, value in given.items() if name in own_names}
    torgb, cutoff = not given.get("no_torgb"), TRUNCATED_WS[given.get("truncate", "all")]
    return Preparation(cast(Any, method), torgb=torgb, cutoff=cutoff, **table)


def _merge(common: CommonOptions, method: str, shard: str | None) -> None:
    """Write the samples or the table whose shards lie beside it."""
    from styleclip.stylespace.merging import are_samples, find_shards, merge

    if shard:
        raise UsageError("--merge joins all shards; leave out --shard")
    models, path = (None, common.out) if common.out else _models_and_path(common, method)
    if path.exists() and not common.overwrite:
        raise OutputError(f"{path} exists; pass --overwrite or another --out")
    found = find_shards(path)
    if models is None and are_samples(found):
        models = common.load(identity="none")  # the regressions need the generator
    _report(common, path, merge(path, found, models), None, "The shards stay where they are; delete them when you like")


def _models_and_path(common: CommonOptions, method: str) -> tuple[Models, Path]:
    """The networks and the file to make; the folder of `--out` is checked before the networks are loaded."""
    from styleclip.storage.files import output_folder
    from styleclip.weights.relevance_files import prepared_path
    from styleclip.weights.sample_files import samples_path

    if common.out:
        output_folder(common.out.parent, ())
    models = common.load(identity="none")
    default = samples_path if method == REGRESSION else prepared_path
    return models, common.out or default(models.provenance["generator"]["network"], models.clip)


def _report(common: CommonOptions, path: Path, made: Samples | RelevanceTable, last: Step | None, note: str) -> None:
    """Print where the file is, how fast it was made, and how good it is."""
    from styleclip.relevance_table import RelevanceTable

    record, lines = _table_report(made) if isinstance(made, RelevanceTable) else _samples_report(made)
    if last:
        renders, seconds = round(last.values["renders"]), last.values["seconds"]
        record |= {"renders": renders, "seconds": seconds, "renders_per_second": renders / seconds}
        speed = f"{renders:,} renders in {human_time(seconds)}, {human_number(renders / seconds)} a second"
        lines.insert(0, speed)
    common.report([path], record, lines)
    if note and not common.quiet:
        print_lines(note, err=True)


def _table_report(table: RelevanceTable) -> tuple[dict[str, Any], list[str]]:
    """The record of a table, and a line about the standard error of its rows."""
    record = dict(table.about)
    if not (error := table.error_quantiles()):
        return record, []
    record["error"] = {"median": error[0], "percentile_90": error[1]}
    more = f"{4 * table.about['images']:,} images would halve it"
    return record, [f"Standard error of a row: median {error[0]:.2f}, 90th percentile {error[1]:.2f}; {more}"]


def _samples_report(samples: Samples) -> tuple[dict[str, Any], list[str]]:
    """The record of samples, and a line about their regressions."""
    from styleclip.weights.sample_files import samples_record

    shares = [
        f"{fit.explained:.0%} of {space.value.upper()} (ridge {fit.ridge:.2g})" for space, fit in samples.fits.items()
    ]
    line = f"Variance of held-out samples that CLIP's features explain: {', '.join(shares)}"
    return samples_record(samples), [line] if shares else []
