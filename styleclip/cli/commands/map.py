"""`styleclip map`: edit faces by a latent mapper, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import CommonOptions, common_options, slug
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.options.types import NUMBERS, format_number
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.editor import Editor
    from styleclip.methods.mapper import TrainedMapper
    from styleclip.prompts import Prompt
    from styleclip.results import EditResult

FILES = ("grid.png",)


@click.command("map")
@click.option(
    "--mapper",
    "name",
    required=True,
    metavar="NAME",
    help="What train-mapper wrote, or StyleCLIP: a name (`styleclip models list --kind mapper`), file or URL.",
)
@click.option("--prompt", metavar="TEXT", help="The text the scores speak of.  [default: that of the mapper]")
@source_options
@pasted_photo_options
@click.option(
    "--strength",
    "strengths",
    type=NUMBERS,
    default="1",
    metavar="F|LIST",
    help="Of what was trained; negative reverses, --strength=-1,0.5,1 makes three results.",
)
@click.option("--grid", is_flag=True, help="Draw strengths on grid.png; a list of them always does.")
@common_options
def map(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    name: str,
    prompt: str | None,
    strengths: tuple[float, ...],
    grid: bool,
) -> None:
    """Edit faces by a mapper: each face moves as the mapper has learned for it."""
    import styleclip
    from styleclip.cli.subjects import Made, Subject, edit_all
    from styleclip.methods.mapper import LatentMapper, load_trained_mapper
    from styleclip.weights.load import sha256_of
    from styleclip.weights.locate import mapper_file

    photos.check(source)
    path = mapper_file(name, common.fetch)
    folders = {strength: f"strength_{format_number(strength)}" if len(strengths) > 1 else "" for strength in strengths}
    folder = common.results_folder(f"map/{slug(path.stem)}", FILES, folders.values())
    editor = styleclip.Editor(common.load(encoder=photos.encoder))
    trained = load_trained_mapper(path, editor.models)
    text = _prompt(trained, prompt, path)
    mapper = {"file": path.resolve(), "sha256": sha256_of(path)}

    def edit(subject: Subject, place: Path) -> Made:
        results: dict[float, EditResult] = {}
        for strength in sorted(strengths, key=abs, reverse=True):  # a picture that is not finite comes first
            result = subject.editor.edit(subject.latent, text, LatentMapper(trained, strength))
            result.provenance = {**result.provenance, "source": subject.about, "mapper": mapper}
            results[strength] = result
        ordered = {strength: results[strength] for strength in strengths}
        paths = [
            file
            for strength, each in ordered.items()
            for file in each.save(place / folders[strength], common.overwrite)
        ]
        if grid or len(strengths) > 1:
            paths.append(_sheet(subject.editor, ordered, subject.names, place))
        records = [result.record() for result in ordered.values()]
        record = records[0] if len(records) == 1 else {"results": records}
        return Made(paths, record, {folders[strength]: result for strength, result in ordered.items()})

    edit_all(common, source, photos, editor, folder, edit, folders.values())


def _prompt(trained: TrainedMapper, text: str | None, path: Path) -> Prompt:
    from styleclip.prompts import Prompt

    if text is not None:
        return Prompt(text)
    if trained.prompt is None:
        raise UsageError(f"{path} does not tell its text; pass --prompt, so that the result can be scored")
    return trained.prompt


def _sheet(editor: Editor, results: Mapping[float, EditResult], faces: Sequence[str], folder: Path) -> Path:
    """grid.png: the faces before and at every strength; a single one is shown among others."""
    from styleclip.files import atomic_write
    from styleclip.images import png_bytes
    from styleclip.sweep_sheets import FACTORS, View, faces_sheet, thumbnails

    first = next(iter(results.values()))
    shown = {strength: result.after for strength, result in results.items()}
    if len(results) == 1:
        [strength] = results
        source = editor.models.generator.to_space(first.source, first.edited.space)
        step = first.edited - source
        shown = {factor * strength: editor.render(source + factor * step) for factor in FACTORS}
    views = [View(f"strength {format_number(each)}", "", thumbnails(images)) for each, images in shown.items()]
    drawn = faces_sheet(thumbnails(first.before), views, faces)
    return atomic_write(folder / "grid.png", png_bytes(drawn, {"results": [r.record() for r in results.values()]}))
