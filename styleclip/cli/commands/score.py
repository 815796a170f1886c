"""`styleclip score`: what a CLIP says of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import ClipOptions, clip_options
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE, Count, CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.cli.output.tables import table
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.classification.pictures import SeenPictures
    from styleclip.classification.zero_shot import Scores
    from styleclip.networks.clip import CLIP

TEXTS = "A text that a picture may fit; pass two or more, which exclude one another."
LABELS = "In place of --texts, a file with one label per line."
TEMPLATE = (
    "A sentence with {} in the place of the text; several are averaged.  [default: the 79 of StyleCLIP's ensemble]"
)
SEARCH = "In place of --texts, rank the pictures by how well they fit this text."
TOP = "How many pictures of a search are shown."
PROBE = (
    "In place of --texts, a folder with a folder of example pictures for each class: a linear probe learns from some, "
    "is measured on the others beside the names as texts, and classifies the pictures, which may be left out."
)
SHOTS = "The examples of each class that the probe learns from.  [default: three quarters]"
SEED = "Which examples the probe learns from."
MAX_COLUMNS = 6  # texts of a table; with more each picture has a line of the likeliest three
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("names", nargs=-1, metavar="PICTURE...")
@option("--texts", multiple=True, metavar="TEXT", help=TEXTS)
@option("--labels", type=EXISTING_FILE, metavar="FILE", help=LABELS)
@option("--template", "templates", multiple=True, metavar="TEXT", help=TEMPLATE)
@option("--search", metavar="TEXT", help=SEARCH)
@option("--top", type=CountRange(1), metavar="N", default=24, help=TOP)
@option("--probe", type=EXISTING_FOLDER, metavar="FOLDER", help=PROBE)
@option("--shots", type=CountRange(1), metavar="N", help=SHOTS)
@option("--seed", type=Count(), metavar="N", default=0, help=SEED)
@clip_options
def score(
    common: ClipOptions,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    labels: Path | None,
    templates: tuple[str, ...],
    search: str | None,
    top: int,
    probe: Path | None,
    shots: int | None,
    seed: int,
) -> None:
    """Say which of several texts fits each PICTURE: a file, a folder or a pattern such as 'holiday/*.jpg'.

    The probabilities are those of CLIP's zero-shot classification. A picture is taken whole; a face is not searched.
    """
    from styleclip.classification.texts import check_templates
    from styleclip.prompts import TEMPLATES

    if sum(map(bool, (texts, labels, search, probe))) != 1:
        raise UsageError(
            "say what the pictures may show: pass --texts twice or more, or one of --labels FILE, --search TEXT and "
            "--probe FOLDER"
        )
    if not (names or probe):
        raise UsageError("there is no picture; name files, a folder or a pattern such as '*.jpg'")
    if shots is not None and not probe:
        raise UsageError("--shots is for a probe; pass it with --probe FOLDER")
    frames = check_templates(templates) if templates else TEMPLATES
    if probe:
        _probe(common, probe, names, frames, shots, seed)
    elif search:
        _search(common, names, search, frames, top)
    else:
        _classify(common, names, texts, labels, frames)


def _classify(
    common: ClipOptions, names: tuple[str, ...], texts: tuple[str, ...], labels: Path | None, frames: tuple[str, ...]
) -> None:
    import styleclip
    from styleclip.classification.texts import check_texts, read_labels
    from styleclip.classification.zero_shot import SCORE_FILES

    chosen = check_texts(read_labels(labels) if labels else texts)
    photos = _find(names)
    folder = common.folder("scores", SCORE_FILES)
    clip = common.load_clip()
    scores = styleclip.zero_shot(clip, _see(common, clip, photos), chosen, frames)
    paths = scores.save(folder, common.overwrite, common.recording)
    common.report(paths, common.recording.of_json(scores.record(), folder), score_lines(scores))
    _refuse_failed(scores.pictures)


def _search(common: ClipOptions, names: tuple[str, ...], text: str, frames: tuple[str, ...], top: int) -> None:
    from styleclip.classification.search import SEARCH_FILES, search_pictures
    from styleclip.classification.texts import check_texts

    check_texts([text], least=1)
    photos = _find(names)
    folder = common.folder("search", SEARCH_FILES)
    clip = common.load_clip()
    ranking = search_pictures(clip, _see(common, clip, photos), text, frames)
    paths = ranking.save(folder, top, common.overwrite, common.recording)
    rows = [(i + 1, name, f"{value:.3f}") for i, (name, value) in enumerate(ranking.best(top))]
    lines = table([("rank", "picture", "cosine"), *rows], numbers=(0, 2))
    common.report(paths, common.recording.of_json(ranking.record(), folder), lines)
    _refuse_failed(ranking.pictures)


def _probe(
    common: ClipOptions,
    place: Path,
    names: tuple[str, ...],
    frames: tuple[str, ...],
    shots: int | None,
    seed: int,
) -> None:
    from styleclip.classification.examples import find_examples
    from styleclip.classification.probe import fit_probe
    from styleclip.classification.probe_report import PROBE_FILES, ProbeReport

    examples = find_examples(place)
    photos = _find(names) if names else []
    folder = common.folder("probe", PROBE_FILES)
    clip = common.load_clip()
    with Progress("probe", common.quiet) as progress:
        probe = fit_probe(clip, examples, shots, seed, frames, progress)
    report = ProbeReport(probe, *(probe.classify(_see(common, clip, photos)) if photos else ()))
    paths = report.save(folder, common.overwrite, common.recording)
    rows = [("method", "held out", "accuracy", "balanced")]
    for name, found in (("linear probe", probe.probe), ("zero-shot", probe.zero_shot)):
        rows.append((name, str(found.pictures), f"{found.accuracy:.3f}", f"{found.balanced:.3f}"))
    lines = table(rows, numbers=(1, 2, 3))
    if report.by_probe and report.by_texts:
        both = zip(
            report.by_probe.pictures.names, report.by_probe.predictions, report.by_texts.predictions, strict=True
        )
        lines += ["", *table([("picture", "linear probe", "zero-shot"), *both])]
    common.report(paths, common.recording.of_json(report.record(), folder), lines)
    if report.by_probe:
        _refuse_failed(report.by_probe.pictures)


def _find(names: tuple[str, ...]) -> list[Path]:
    """The pictures; files beside them that are known to be none are told on stderr."""
    from styleclip.alignment.photo_paths import find_photos

    found = find_photos(names)
    print_lines(*(f"{file}: skipped: {why}" for file, why in found.skipped.items()), err=True)
    return found.photos


def _see(common: ClipOptions, clip: CLIP, photos: list[Path]) -> SeenPictures:
    from styleclip.classification.pictures import see_pictures

    with Progress("score", common.quiet) as progress:
        return see_pictures(clip, [*photos], progress, skip_failed=True)


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


def _refuse_failed(pictures: SeenPictures) -> None:
    """Raise an error that names the pictures that could not be read, where there are any."""
    if failed := pictures.failed:
        count = len(failed) + len(pictures)
        raise click.ClickException(f"{len(failed)} of {count} pictures failed: {'; '.join([*failed.values()][:3])}")
