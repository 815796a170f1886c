"""`styleclip score`: what a CLIP says of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import ClipOptions, clip_options
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE
from styleclip.cli.output.progress import Progress
from styleclip.cli.output.tables import table
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.classification.zero_shot import Scores

TEXTS = "A text that a picture may fit; pass two or more, which exclude one another."
LABELS = "In place of --texts, a file with one label per line."
TEMPLATE = (
    "A sentence with {} in the place of the text; several are averaged.  [default: the 79 of StyleCLIP's ensemble]"
)
MAX_COLUMNS = 6  # texts of a table; with more each picture has a line of the likeliest three


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PICTURE...")
@option("--texts", multiple=True, metavar="TEXT", help=TEXTS)
@option("--labels", type=EXISTING_FILE, metavar="FILE", help=LABELS)
@option("--template", "templates", multiple=True, metavar="TEXT", help=TEMPLATE)
@clip_options
def score(
    common: ClipOptions,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    labels: Path | None,
    templates: tuple[str, ...],
) -> None:
    """Say which of several texts fits each PICTURE: a file, a folder or a pattern such as 'holiday/*.jpg'.

    The probabilities are those of CLIP's zero-shot classification. A picture is taken whole; a face is not searched.
    """
    import styleclip
    from styleclip.alignment.photo_paths import find_photos
    from styleclip.classification.pictures import see_pictures
    from styleclip.classification.texts import check_templates, check_texts, read_labels
    from styleclip.classification.zero_shot import SCORE_FILES
    from styleclip.prompts import TEMPLATES

    if bool(texts) == bool(labels):
        raise UsageError("say what the pictures may show, with --texts given twice or more, or with --labels FILE")
    chosen = check_texts(read_labels(labels) if labels else texts)
    frames = check_templates(templates) if templates else TEMPLATES
    found = find_photos(names)
    folder = common.folder("scores", SCORE_FILES)
    clip = common.load_clip()
    with Progress("score", common.quiet) as progress:
        seen = see_pictures(clip, found.photos, progress, skip_failed=True)
    scores = styleclip.zero_shot(clip, seen, chosen, frames)
    paths = scores.save(folder, common.overwrite, common.recording)
    common.report(paths, common.recording.of_json(scores.record(), folder), score_lines(scores))
    refuse_failed(seen.failed, len(found.photos))


def score_lines(scores: Scores) -> list[str]:
    """A line for each picture: its prediction and the probabilities of all texts, or of the likeliest three."""
    few = len(scores.texts) <= MAX_COLUMNS
    head = ["picture", "prediction", *(scores.texts if few else ("probability", "then", "", "then", ""))]
    rows = [head]
    for i, (name, text) in enumerate(zip(scores.pictures.names, scores.predictions, strict=True)):
        if few:
            rows.append([name, text, *(f"{value:.3f}" for value in scores.probabilities[i].tolist())])
        else:
            (_, first), *others = scores.best(i, 3)
            rows.append([name, text, f"{first:.3f}", *(cell for t, value in others for cell in (t, f"{value:.3f}"))])
    return table(rows, numbers=range(2, len(head)) if few else (2, 4, 6))


def refuse_failed(failed: dict[str, str], count: int) -> None:
    """Raise an error that names the pictures that could not be read, where there are any."""
    if failed:
        raise click.ClickException(f"{len(failed)} of {count} pictures failed: {'; '.join([*failed.values()][:3])}")
