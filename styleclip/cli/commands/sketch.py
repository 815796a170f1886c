"""`styleclip sketch`: pictures by a few strokes (CLIPasso)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.canvases.sketching.settings import MAX_STROKES, SKETCH_FILES, Sketching
from styleclip.cli.options.common import (
    CommonOptions,
    clip_preprocess_option,
    common_options,
    force_option,
    preset_option,
    without_none,
)
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.photos import PhotoOptions, photo_options
from styleclip.cli.options.sliders import NamedSlider, SliderRequests, TextSlider, parse_direction, parse_text_slider
from styleclip.cli.options.source import SOURCES, LatentSource, latent_source_options
from styleclip.cli.options.types import CountRange, Parsed
from styleclip.cli.output.photo_batch import PhotoBatch, PhotoJob
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import StageProgress
from styleclip.errors import UsageError
from styleclip.interrupts import exit_code
from styleclip.settings import preset_values
from styleclip.text.parsing import parse_seeds
from styleclip.text.units import number_of

if TYPE_CHECKING:
    from styleclip.canvases.result import CanvasResult
    from styleclip.canvases.sketching.work import SketchWork
    from styleclip.editor import Editor
    from styleclip.inversion.invert import Invert
    from styleclip.methods.sliders import Slider

FRAMES = 5  # sketches along a slider
INTERRUPTED = "Interrupted; kept the best sketch so far"


def parse_counts(text: str) -> tuple[int, ...]:
    """`16`, or `4,8,16,32` for a ladder."""
    try:
        counts = parse_seeds(text)
    except ValueError:
        counts = ()
    if not counts or not all(1 <= count <= MAX_STROKES for count in counts):
        raise ValueError(f"{text!r} is no number of strokes; use 1 to {MAX_STROKES}, or several, e.g. 4,8,16,32.")
    return counts


STROKES = "Strokes; fewer make the sketch more abstract. Several, e.g. 4,8,16,32, make a ladder.  [default: 16]"
EDIT = 'Sketch the face on its way to a text: "[NEUTRAL ->] TARGET [@ STRENGTH]"; may be given again.'
DIRECTION = 'Sketch it on its way along a direction: "NAME [@ STRENGTH]"; may be given again.'


@click.command("sketch", cls=Command)
@click.argument("names", nargs=-1, metavar="[PHOTO]...")
@option("--strokes", "counts", type=Parsed("strokes", parse_counts), metavar="LIST", help=STROKES)
@settings_options(Sketching, without=("strokes",))
@option("--edit", "edits", multiple=True, type=Parsed("edit", parse_text_slider), metavar="TEXT", help=EDIT)
@option(
    "--direction",
    "directions",
    multiple=True,
    type=Parsed("direction", parse_direction),
    metavar="NAME",
    help=DIRECTION,
)
@force_option
@option(
    "--frames",
    type=CountRange(2, 100),
    metavar="N",
    help=f"Sketches along --edit and --direction.  [default: {FRAMES}]",
)
@latent_source_options
@photo_options
@clip_preprocess_option
@preset_option
@common_options
def sketch(
    common: CommonOptions,
    source: LatentSource,
    photos: PhotoOptions,
    names: tuple[str, ...],
    counts: tuple[int, ...] | None,
    edits: tuple[TextSlider, ...],
    directions: tuple[NamedSlider, ...],
    force: bool,
    frames: int | None,
    clip_preprocess: str | None,
    preset: str,
    **options: Any,
) -> None:
    """Sketch the face of each PHOTO, or samples of the generator, by a few strokes; one of them is SVG.

    Writes sketch.svg and sketch.png, and the drawing stroke by stroke as animation.svg and animation.gif.
    """
    import styleclip
    from styleclip.canvases.sketching.work import SketchWork
    from styleclip.weights.locate import model_parts

    counts = counts or (Sketching().strokes,)
    settings = Sketching(**preset_values(Sketching, preset, without_none({**options, "strokes": counts[0]})))
    requests = SliderRequests(edit=edits, direction=directions, force=force) if edits or directions else None
    if frames is not None and requests is None:
        raise UsageError("--frames counts the sketches along a slider; pass it with --edit or --direction")
    _check(source, photos, names, counts, requests)
    folder = common.folder("sketches", SKETCH_FILES)
    own = replace(common, clip=None)  # sliders are found by the CLIP that suits the generator
    editor = styleclip.Editor(own.load(encoder=photos.encoder, identity="none", clip_on_use=requests is None))
    preprocess: dict[str, Any] = without_none({"preprocess": clip_preprocess})
    clip = styleclip.load_clip(common.clip or str(model_parts(common.model)["clip"]), fetch=common.fetch, **preprocess)
    sliders: Sequence[Slider] = ()
    if requests is not None:
        with StageProgress("sliders", common.quiet) as progress:
            sliders = requests.load(editor.models, (), common.fetch, progress)
    work = SketchWork(clip.to(editor.models.device), settings, counts, sliders, frames or FRAMES)
    if names:
        _sketch_photos(common, work, editor, names, photos.invert(common), folder)
    else:
        _sketch_latents(common, work, editor, source, folder)


def _check(
    source: LatentSource,
    photos: PhotoOptions,
    names: Sequence[str],
    counts: Sequence[int],
    moved: SliderRequests | None,
) -> None:
    """Raise UsageError for options that do not fit together, and for photos that are not there."""
    given = [f"--{name}" for name in SOURCES if getattr(source, name) not in (None, ())]
    if names and given:
        raise UsageError(f"{given[0]} and the PHOTO both name a source; pass one of them")
    if names:
        source = replace(source, image=tuple(names))
    photos.check(source)
    if moved is not None and len(counts) > 1:
        raise UsageError("a ladder has one picture; pass one number of --strokes with --edit or --direction")


def _sketch_latents(
    common: CommonOptions, work: SketchWork, editor: Editor, source: LatentSource, folder: Path
) -> None:
    """Sketch every latent, several in a folder each, with sketches.png of all."""
    from styleclip.canvases.sketching.results import sketches_sheet
    from styleclip.canvases.sketching.subjects import latent_subjects
    from styleclip.images import png_bytes
    from styleclip.storage.files import atomic_write, output_folder

    paths: list[Path] = []
    results: dict[str, CanvasResult] = {}
    latents = source.load(editor)
    subjects = [*latent_subjects(latents, work.settings.background == "keep")]
    for place in (folder / subject.name for subject in subjects):
        if place.exists():
            output_folder(place, SKETCH_FILES, common.overwrite)
    for subject in subjects:
        with StageProgress(subject.name or latents.names[0], common.quiet) as progress:
            result = results[subject.name] = work.run(subject, progress)
        paths += result.save(folder / subject.name, SKETCH_FILES, common.overwrite, common.recording)
        if result.interrupted:
            break
    records = {name: common.recording.of_json(each.record(), folder / name) for name, each in results.items()}
    if len(subjects) > 1:
        shown = sketches_sheet(
            [each.picture for each in subjects], [each.pictures["sketch.png"] for each in results.values()]
        )
        paths.append(atomic_write(folder / "sketches.png", png_bytes(shown)))
    lines = [f"{name or latents.names[0]}: {_told(each)}" for name, each in results.items()]
    common.report(paths, {"sketches": records} if len(subjects) > 1 else records[""], lines)
    if any(each.interrupted for each in results.values()):
        print_lines(INTERRUPTED, err=True)
        click.get_current_context().exit(exit_code())


def _told(result: CanvasResult) -> str:
    """`similarity 0.612 after 40 steps`; of several sketches the similarity of each."""
    scores = result.scores.get("sketches", [result.scores])
    similarities = ", ".join(format(each["clip"], ".3f") for each in scores)
    return f"similarity {similarities} after {number_of(result.steps, 'step')}"


def _sketch_photos(
    common: CommonOptions, work: SketchWork, editor: Editor, names: Sequence[str], how: Invert, folder: Path
) -> None:
    """Sketch the faces of every photo."""
    from styleclip.alignment.photo_paths import find_photos
    from styleclip.alignment.photos import read_photo
    from styleclip.canvases.sketching.subjects import photo_subjects

    how.prepare(editor.models) if work.sliders else None
    batch = PhotoBatch(common, find_photos(names), folder, PhotoJob)
    whole = work.settings.background == "keep"
    for job in batch:
        with job, StageProgress(job.photo.name, common.quiet) as progress:
            photo = read_photo(job.photo)
            notes: dict[str, None] = {}
            for subject in photo_subjects(editor.models, photo, how, whole, bool(work.sliders), progress):
                result = work.run(subject, progress)
                place = job.folder / subject.name
                paths = result.save(place, SKETCH_FILES, common.overwrite, common.recording, photo.path)
                job.keep(subject.name, paths, common.recording.of_json(result.record(), place))
                notes |= dict.fromkeys(filter(None, [subject.note, f"{subject.name} {_told(result)}".strip()]))
                if result.interrupted:
                    job.interrupted = INTERRUPTED
                    break
            job.note = ", ".join(notes)
    batch.finish()
