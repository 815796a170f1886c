"""`styleclip global-dir`: edit faces along the direction in style space that a pair of texts singles out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from styleclip.cli.extras import FILES, OutputOptions, extras_options
from styleclip.cli.options.common import CommonOptions, common_options, without_none
from styleclip.cli.options.from_settings import AdvancedOption, Command, settings_options
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.options.types import STRENGTHS
from styleclip.cli.output.progress import Progress
from styleclip.cli.wishes import EditRequests, combinations, wishes_options
from styleclip.errors import UsageError
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.settings import Strength

WAYS = ("auto", "table", "gradient")  # of --relevance; all else names a table


@click.command("global-dir", cls=Command)
@wishes_options
@source_options
@pasted_photo_options
@click.option(
    "--alpha",
    type=STRENGTHS,
    metavar="F|LIST|auto",
    help="Strength; negative reverses, auto is as much as each face needs, --alpha=-4,0,4 makes three results.",
)
@click.option(
    "--beta",
    type=STRENGTHS,
    metavar="F|LIST|auto",
    help="Channels less relevant than this stay as they are; auto picks it for the text.",
)
@settings_options(GlobalDirectionSettings, without=("alpha", "beta"))
@click.option(
    "--relevance",
    default="auto",
    metavar="auto|table|gradient|NAME",
    help="What tells how relevant channels are: a table, also one by NAME, FILE or URL, or the gradient; auto is the "
    "table of this generator where there is one.",
)
@click.option(
    "--statistics",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    cls=AdvancedOption,
    help="S_mean_std, for a table that has none.",
)
@extras_options
@common_options
def global_dir(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    wishes: EditRequests,
    extras: OutputOptions,
    alpha: tuple[Strength, ...] | None,
    beta: tuple[Strength, ...] | None,
    relevance: str,
    statistics: Path | None,
    **settings: Any,
) -> None:
    """Edit faces along one direction in style space, found from a pair of texts.

    Defaults of the model come before the published ones. A list of strengths or betas makes a folder for each.
    """
    import styleclip
    from styleclip.cli.explain import table
    from styleclip.cli.making import explain, make
    from styleclip.cli.outcomes import Results
    from styleclip.cli.subjects import Made, Subject, edit_all
    from styleclip.sweeps import Edit, check_sweep, find_points

    photos.check(source)
    if statistics and relevance == "gradient":
        raise UsageError("--statistics is for a table that has none; leave it out with gradient")
    folders = combinations(wishes, alpha, beta)
    file = None if relevance in WAYS else relevance
    method = styleclip.GlobalDirection(**without_none({**settings, "relevance": "table" if file else relevance}))
    edits = [Edit(wish.saved or wish.prompt(), wish.alpha, wish.beta) for wish in wishes.all]
    check_sweep(edits, alpha, beta, method)
    extras.check(wishes, len(folders) > 1, common.overwrite)
    folder = common.results_folder(wishes.folder, FILES, folders.values())
    editor = styleclip.Editor(common.load(relevance=file, statistics=statistics, encoder=photos.encoder))
    points = find_points(editor.models, edits, alpha, beta, method)
    about = without_none({"relevance": file, "statistics": statistics})

    def edit(subject: Subject, place: Path) -> Made:
        extras.check_size(len(subject.names), len(alpha or (0,)), len(beta or (0,)))
        each = {combination: place / name for combination, name in folders.items()}
        results = Results(subject.editor, each, common.overwrite, {**about, "source": subject.about})
        with Progress("global-dir", common.quiet) as progress:
            results.make(subject.latent, points, progress)
        paths, record = results.paths, results.record
        if extras.explain:
            told, files = explain(subject.editor, results.all, place)
            paths, record = paths + files, {**record, "explanation": told}
            if not common.as_json:
                click.echo("\n".join(map(table, told)))
        if not results.interrupted:
            paths += make(extras, subject.editor, results.all, subject.names, place, common.quiet)
        made = {folders[each.combination]: each.result for each in results.all if each.result}
        return Made(paths, record, made, results.said)

    edit_all(common, source, photos, editor, folder, edit, folders.values())
