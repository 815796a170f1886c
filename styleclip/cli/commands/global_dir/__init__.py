"""`styleclip global-dir`: edit faces along the direction in style space that a pair of texts singles out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from styleclip.cli.commands.global_dir.outputs import OUTPUT_FILES, OutputOptions, edit_and_save, output_options
from styleclip.cli.commands.global_dir.requests import EditRequests, request_options
from styleclip.cli.options.common import CommonOptions, common_options, preset_option, without_none
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import AdvancedOption, option
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.options.types import NUMBERS, STRENGTHS
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.settings import Strength, preset_values

RELEVANCE_SOURCES = ("auto", "regression", "table", "gradient")  # of --relevance; all else names a table


@click.command("global-dir", cls=Command)
@request_options
@source_options
@pasted_photo_options
@option(
    "--alpha",
    type=STRENGTHS,
    metavar="F|LIST|auto",
    help="Strength; negative reverses, auto is as much as each face needs, --alpha=-1,0,1 makes three results.",
)
@option(
    "--strength",
    type=NUMBERS,
    metavar="F|LIST",
    help="In place of --alpha, calibrated: 1 changes faces as much as any edit at 1; 0.5,1 makes two results.",
)
@option(
    "--beta",
    type=STRENGTHS,
    metavar="F|LIST|auto",
    help="Channels less relevant than this stay as they are; by regression a share of the largest. auto picks it.",
)
@settings_options(GlobalDirectionSettings, without=("alpha", "beta"))
@option(
    "--relevance",
    default="auto",
    metavar="auto|regression|table|gradient|NAME",
    help="Where the direction comes from: a regression over samples, a table of relevance, also one by NAME, FILE or "
    "URL, or the gradient of CLIP; auto is the regression, unless there is a table and no samples.",
)
@option(
    "--statistics",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    cls=AdvancedOption,
    help="S_mean_std, for a table that has none.",
)
@preset_option
@output_options
@common_options
def global_dir(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    requests: EditRequests,
    outputs: OutputOptions,
    alpha: tuple[Strength, ...] | None,
    strength: tuple[float, ...] | None,
    beta: tuple[Strength, ...] | None,
    relevance: str,
    statistics: Path | None,
    preset: str,
    **settings: Any,
) -> None:
    """Edit faces along directions in style space, found from pairs of texts or saved before; several add up.

    Defaults of the model come before the published ones. A list of strengths or betas makes a folder for each.
    """
    import styleclip
    from styleclip.cli.commands.global_dir.explanation import write_explanation
    from styleclip.cli.edit_jobs import edit_jobs
    from styleclip.sweep_combinations import combination_names
    from styleclip.sweep_edits import check_sweep
    from styleclip.sweeps import find_points

    photos.check(source)
    if statistics and relevance == "gradient":
        raise UsageError("--statistics is for a table that has none; leave it out with gradient")
    table = None if relevance in RELEVANCE_SOURCES else relevance
    if preset == "published" and relevance == "auto":
        relevance = "table"
    given = without_none({**settings, "relevance": "table" if table else relevance})
    if given.get("channels"):
        given["beta"] = None
    method = styleclip.GlobalDirection(**preset_values(GlobalDirectionSettings, preset, given))
    edits = requests.edits(alpha, beta, strength)
    check_sweep(edits, alpha, beta, method, strength)
    names = combination_names(alpha, beta, strength)
    outputs.check(requests, len(names) > 1, common.overwrite)
    folder = common.results_folder(requests.folder, OUTPUT_FILES, names.values())
    requests.find_directions(common.fetch)
    editor = styleclip.Editor(common.load(relevance=table, statistics=statistics, encoder=photos.encoder))
    with Progress("global-dir", common.quiet) as progress:
        points = find_points(editor.models, edits, alpha, beta, method, progress, strength, common.fetch)
    outputs.check_points(points)
    about = _files_record(common, table, statistics)
    for job in edit_jobs(common, source, photos, editor, folder, list(names.values())):
        with job:
            for face in job.faces():
                outputs.check_size(len(face.latent), len(alpha or strength or (0,)), len(beta or (0,)))
                summaries = edit_and_save(face, points, names, about, common.quiet)
                if outputs.explain:
                    tables = write_explanation(face, summaries)
                    if not common.as_json:
                        print_lines(*tables)
                if not face.interrupted:
                    outputs.write(face, summaries, common.quiet)


def _files_record(common: CommonOptions, table: str | None, statistics: Path | None) -> dict[str, Any]:
    """The relevance table and the statistics that were given, with the hashes of their files."""
    from styleclip.weights.file_state import sha256_of
    from styleclip.weights.locate import weight_file
    from styleclip.weights.urls import input_name

    record: dict[str, Any] = {}
    if table:
        path = weight_file(table, "relevance", common.fetch)
        record |= {"relevance": input_name(table), "relevance_sha256": sha256_of(path)}
    if statistics:
        record |= {"statistics": input_name(statistics), "statistics_sha256": sha256_of(statistics)}
    return record
