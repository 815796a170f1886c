"""`styleclip direction show`: the unit, the useful range and the drift of a direction, and a strip of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.option import option
from styleclip.cli.options.types import PSI_RANGE, SEEDS, CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import StageProgress
from styleclip.cli.output.tables import table
from styleclip.errors import OutputError
from styleclip.text.names import slug

if TYPE_CHECKING:
    from styleclip.directions.report import DirectionReport

STRIP_FILES = ("strip.png",)
MIN_FACES = 2  # the range is about how differently faces move


@click.command()
@click.argument("name")
@option("--seeds", type=SEEDS, default="12,17,25", metavar="LIST", help="Faces of the strip, e.g. 0-3.")
@option("--psi", type=PSI_RANGE, metavar="F", default=1.0, help="Truncation of these faces: 1 is none.")
@option("--faces", type=CountRange(MIN_FACES), metavar="N", default=64, help="Fixed faces to measure on.")
@common_options
def show(common: CommonOptions, name: str, seeds: tuple[int, ...], psi: float, faces: int) -> None:
    """Measure the unit, the useful range and the drift of direction NAME, and draw it at rising alpha.

    NAME is one of the library or the catalog, a file, or a URL; the library keeps what was measured.
    """
    import styleclip
    from styleclip.directions.keeping import keep_measures
    from styleclip.directions.library import direction_file
    from styleclip.directions.loading import read_direction
    from styleclip.directions.report import direction_strip, report_direction
    from styleclip.images import png_bytes
    from styleclip.storage.files import atomic_write, versions
    from styleclip.storage.result_folder import ResultFolder
    from styleclip.storage.temporaries import final_path
    from styleclip.weights.urls import input_name

    file = direction_file(name, common.fetch)
    folder = common.folder(f"directions/{slug(name)}", STRIP_FILES)
    editor = styleclip.Editor(common.load())
    models = editor.models
    direction = read_direction(file, models)
    output = ResultFolder(folder, STRIP_FILES, common.overwrite)
    with output, StageProgress("direction show", common.quiet) as progress:
        report = report_direction(models, direction, progress, faces)
        source = editor.sample(seeds=list(seeds), psi=psi)
        strip = direction_strip(models, report, source, [f"seed {seed}" for seed in seeds], progress)
        record: dict[str, Any] = {
            "command": "direction show",
            "name": name,
            **report.record(models),
            "model": input_name(common.model),
            "label": common.label,
            "seeds": seeds,
            "psi": psi,
            "faces": faces,
            "versions": versions(),
        }
        png = png_bytes(strip, common.recording.of_picture(record, STRIP_FILES[0]))
        path = atomic_write(output.place / STRIP_FILES[0], png)
    paths = [final_path(path)]
    try:
        if report.direction is not direction:
            paths += filter(None, [keep_measures(file, report.direction, models)])
    except OutputError as error:  # what was measured is still worth reading
        print_lines(f"Warning: {error}", err=True)
    common.report(paths, common.recording.of_json(record, folder), _lines(report, record))


def _lines(report: DirectionReport, record: dict[str, Any]) -> list[str]:
    from styleclip.methods.style_direction import StyleDirection

    layers = record["layers"]
    if isinstance(layers, list):
        layers = f"{layers[0]} to {layers[-1]}" if len(layers) > 1 else layers[0]
    span = "{:g} to {:g}".format(*report.measured_range)
    own = record["range"]
    rows = [
        ("unit", f"alpha {record['unit']:g}, by {record['unit_of']}"),
        ("useful range", f"alpha {span}"),
        *([("range in its file", "{:g} to {:g}".format(*own))] if own and own != report.measured_range else []),
        ("space", f"{record['space']}{', absolute' if record['absolute'] else ''}"),
        ("layers", f"{layers}, {record['channels']} style channels"),
        *([("text", record["target"])] if record["target"] else []),
        ("generator", _generator_name(record["generator"])),
        ("licence", record["licence"] or "not stated"),
        ("source", "a text" if isinstance(report.direction, StyleDirection) else _source_name(record["origin"])),
    ]
    low, high = report.at_ends
    back, unit = report.per_unit
    drifts = [("", "alpha", "identity", "CLIP")]
    for title, each in (("lowest", low), ("-1 unit", back), ("1 unit", unit), ("highest", high)):
        identity = "" if each.identity is None else f"{each.identity:.3f}"
        drifts.append((title, f"{each.alpha:.3g}", identity, f"{each.clip:.3f}"))
    note = f"Drift: mean of 1 - cosine between {record['faces']} faces and their edits."
    return [*table(rows, wrap=True), "", *table(drifts, numbers=(1, 2, 3)), note]


def _generator_name(fingerprint: str | None) -> str:
    from styleclip.weights.lineage import model_names

    if fingerprint is None:
        return "not known; it is taken for that of --model"
    return model_names().get(fingerprint, fingerprint[:12])


def _source_name(origin: dict[str, Any]) -> str:
    words = [origin.get("source"), origin.get("source_file"), origin.get("url")]
    return ", ".join(str(word) for word in dict.fromkeys(words) if word) or "not known"
