"""`styleclip optimize`: edit a latent towards a text by optimizing it."""

from __future__ import annotations

from typing import Any

import click

from styleclip.cli.options.common import (
    CommonOptions,
    clip_preprocess_option,
    common_options,
    ensemble_option,
    identity_option,
    slug,
    without_none,
)
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.output.progress import Progress
from styleclip.methods.settings import OptimizeSettings


@click.command(cls=Command)
@click.option("--prompt", required=True, metavar="TEXT", help="What the picture shall show.")
@click.option("--neutral", metavar="TEXT", help="What it shows now.")
@source_options
@pasted_photo_options
@settings_options(OptimizeSettings)
@ensemble_option
@identity_option
@clip_preprocess_option
@click.option("--save-every", type=click.IntRange(1), metavar="N", help="Write every N-th step to frames/.")
@click.option("--video", is_flag=True, help="Write the way there as video.mp4.")
@common_options
def optimize(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    prompt: str,
    neutral: str | None,
    identity: str | None,
    clip_preprocess: str | None,
    ensemble: bool,
    save_every: int | None,
    video: bool,
    **settings: Any,
) -> None:
    """Edit a latent towards a text by latent optimization with an identity loss.

    Defaults of the model come before the published ones.
    """
    import styleclip
    from styleclip.cli.edit_jobs import edit_jobs
    from styleclip.results import RESULT_FILES
    from styleclip.trajectory import Trajectory

    photos.check(source)
    text = styleclip.Prompt(prompt, **without_none({"neutral": neutral}))
    method = styleclip.Optimize(**without_none({**settings, "text": "ensemble" if ensemble else None}))
    folder = common.folder(slug(prompt), RESULT_FILES)
    if settings["lambda_id"] == 0:
        identity = identity or "none"  # a network that weighs nothing is not loaded
    networks = {"identity": identity, "clip_preprocess": clip_preprocess, "encoder": photos.encoder}
    editor = styleclip.Editor(common.load(**networks))
    for job in edit_jobs(common, source, photos, editor, folder):
        with job:
            for face in job.faces():
                with Progress(prompt, common.quiet) as progress:
                    trajectory = Trajectory(face.editor, face.folder, save_every, video, progress)
                    result = face.editor.edit(face.latent, text, method, trajectory, face.about)
                face.save(result)
                face.paths += trajectory.save(result)
                if result.interrupted:
                    face.interrupted = f"Interrupted at step {progress.last}; kept the best result so far"
