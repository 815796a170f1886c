"""`styleclip map`: edit faces by a latent mapper, in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.option import option
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.options.types import NUMBERS
from styleclip.errors import UsageError
from styleclip.settings import format_number
from styleclip.text.names import slug

if TYPE_CHECKING:
    from styleclip.methods.mapper import TrainedMapper
    from styleclip.prompts import Prompt

GRID_FILES = ("grid.png",)


@click.command("map")
@option(
    "--mapper",
    "name",
    required=True,
    metavar="NAME",
    help="What train-mapper wrote, or StyleCLIP: a name (`styleclip models list --kind mapper`), file or URL.",
)
@option("--prompt", metavar="TEXT", help="The text of the scores.  [default: that of the mapper]")
@source_options
@pasted_photo_options
@option(
    "--strength",
    "strengths",
    type=NUMBERS,
    default="1",
    metavar="F|LIST",
    help="Strength of the edit, 1 as trained; negative reverses, --strength=-1,0.5,1 makes three results.",
)
@option("--grid", is_flag=True, help="Draw strengths on grid.png; a list of them always does.")
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
    """Edit faces with a latent mapper: a network trained for one text, run once per face."""
    import styleclip
    from styleclip.cli.edit_jobs import edit_jobs
    from styleclip.images import png_bytes
    from styleclip.methods.mapper import LatentMapper, load_trained_mapper
    from styleclip.storage.files import atomic_write
    from styleclip.sweep_sheets import strength_sheet
    from styleclip.weights.locate import mapper_file

    photos.check(source)
    path = mapper_file(name, common.fetch)
    names = {strength: f"strength_{format_number(strength)}" if len(strengths) > 1 else "" for strength in strengths}
    folder = common.results_folder(f"map/{slug(path.stem)}", GRID_FILES, names.values())
    editor = styleclip.Editor(common.load(encoder=photos.encoder))
    trained = load_trained_mapper(path, editor.models)
    text = _prompt(trained, prompt, path)
    if source.image:  # whose inversion takes long
        editor.models.clip.check_lengths(text.texts)
    for job in edit_jobs(common, source, photos, editor, folder, list(names.values())):
        with job:
            for face in job.faces():
                about, results = {**face.about, "mapper": trained.origin}, {}
                for strength in sorted(strengths, key=abs, reverse=True):  # a picture that is not finite comes first
                    method = LatentMapper(trained, strength)
                    results[strength] = face.editor.edit(face.latent, text, method, about=about)
                results = {strength: results[strength] for strength in strengths}
                for strength, result in results.items():
                    face.save(result, names[strength])
                if grid or len(strengths) > 1:
                    sheet = strength_sheet(face.editor, results, face.source.names)
                    png = png_bytes(sheet, common.recording.of_picture({"results": face.kept}, "grid.png"))
                    face.paths.append(atomic_write(face.folder / "grid.png", png))


def _prompt(trained: TrainedMapper, text: str | None, path: Path) -> Prompt:
    from styleclip.prompts import Prompt

    if text is not None:
        return Prompt(text)
    if trained.prompt is None:
        raise UsageError(f"{path} does not tell its text; pass --prompt, so that the result can be scored")
    return trained.prompt
