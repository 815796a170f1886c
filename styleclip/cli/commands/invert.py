"""`styleclip invert`: photos -> latents for the editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.photos import PhotoOptions, photo_options
from styleclip.cli.output.photo_batch import PhotoBatch, PhotoJob
from styleclip.cli.output.progress import StageProgress

if TYPE_CHECKING:
    from styleclip.inversion.result import Inversion


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PHOTO...")
@photo_options
@common_options
def invert(common: CommonOptions, photos: PhotoOptions, names: tuple[str, ...]) -> None:
    """Find the latent that draws each PHOTO: a file, a folder or a pattern such as 'holiday/*.jpg'.

    Writes the aligned crop, the reconstruction beside it, the latent, and the scores of every stage. Several latents
    are also written as one file, for `--latent` and `train-mapper --latents`; tuned generators belong to the latents of
    the single faces.
    """
    import styleclip
    from styleclip.alignment.photo_paths import find_photos
    from styleclip.inversion.photo_inversion import invert_photo, save_latents
    from styleclip.inversion.result import INVERSION_FILES

    found_photos = find_photos(names)
    folder = common.folder("inverted", INVERSION_FILES)
    inverter = photos.invert(common)
    editor = styleclip.Editor(common.load(encoder=photos.encoder, clip_on_use=True))
    inverter.prepare(editor.models)
    batch, latents = PhotoBatch(common, found_photos, folder, PhotoJob), []
    for job in batch:
        with job:
            with StageProgress(job.photo.name, common.quiet) as progress:
                found = invert_photo(
                    editor.models, job.photo, inverter, job.folder, common.overwrite, progress, common.recording
                )
            for name, inversion in found.faces.items():
                job.keep(name, [], common.recording.of_json(inversion.record(), job.folder / name))
            job.paths = found.paths
            job.note = "; ".join(f"{name} {_note(inversion)}" for name, inversion in found.faces.items()).strip()
            job.interrupted = f"Interrupted; kept {', '.join(found.faces)}" if found.interrupted else ""
            latents += found.latents
    batch.finish(save_latents(latents, folder) if len(found_photos.photos) > 1 else [])


def _note(inversion: Inversion) -> str:
    """A remark on the crop, and L2 after each stage: `L2 encoder 0.0210, refine 0.0090`."""
    stages = ", ".join(f"{stage.name} {stage.scores['l2']:.4f}" for stage in inversion.stages)
    return ", ".join(filter(None, (inversion.aligned.note, f"L2 {stages}")))
