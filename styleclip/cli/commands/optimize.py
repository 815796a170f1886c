"""`styleclip optimize`: edit a latent towards a text by optimizing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from styleclip.editor import Editor
    from styleclip.progress import Step
    from styleclip.results import EditResult

VIDEO_FRAMES = 100  # about as many as a video of the whole run shows


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
    from styleclip.cli.subjects import Made, Subject, edit_all
    from styleclip.results import RESULT_FILES

    photos.check(source)
    text = styleclip.Prompt(prompt, **without_none({"neutral": neutral}))
    method = styleclip.Optimize(**without_none({**settings, "text": "ensemble" if ensemble else None}))
    folder = common.folder(slug(prompt), RESULT_FILES)
    if settings["lambda_id"] == 0:
        identity = identity or "none"  # a recogniser that weighs nothing is not loaded
    choices = {"identity": identity, "clip_preprocess": clip_preprocess, "encoder": photos.encoder}
    editor = styleclip.Editor(common.load(**choices))

    def edit(subject: Subject, place: Path) -> Made:
        trajectory = Trajectory(subject.editor, save_every, place / "frames" if save_every else None, video)
        with Progress(prompt, common.quiet) as progress:

            def on_step(step: Step) -> None:
                progress(step)
                trajectory(step)

            result = subject.editor.edit(subject.latent, text, method, on_step=on_step)
        result.provenance = {**result.provenance, "source": subject.about}
        paths = result.save(place, common.overwrite) + trajectory.save(result, place)
        said = f"Interrupted at step {progress.last}; kept the best result so far" if result.interrupted else ""
        return Made(paths, result.record(), {"": result}, said)

    edit_all(common, source, photos, editor, folder, edit)


class Trajectory:
    """Pictures of the steps on the way: files in `folder` as they come, and the frames of a video when it is over."""

    def __init__(self, editor: Editor, every: int | None, folder: Path | None, video: bool) -> None:
        self.editor, self.every, self.folder, self.video = editor, every, folder, video
        self.paths: list[Path] = []
        self.frames: list[Image] = []

    def __call__(self, step: Step) -> None:
        from styleclip.files import atomic_write
        from styleclip.images import png_bytes

        every = self.every or max(1, step.total // VIDEO_FRAMES)
        if step.latent is None or not (self.folder or self.video) or step.index % every:
            return
        frame = _side_by_side(self.editor.render(step.latent))
        if self.video:
            self.frames.append(frame)
        if self.folder:
            self.paths.append(atomic_write(self.folder / f"{step.index:05d}.png", png_bytes(frame)))

    def save(self, result: EditResult, folder: Path) -> list[Path]:
        """Write the video, from before to after; returns every file of the trajectory."""
        from styleclip.images import write_video

        if self.video:
            frames = [_side_by_side(result.before), *self.frames, _side_by_side(result.after)]
            self.paths.append(write_video(frames, folder / "video.mp4"))
        return self.paths


def _side_by_side(images: Tensor) -> Image:  # [N, 3, H, W] -> N * W wide
    from styleclip.images import to_pil

    return to_pil(images.permute(1, 2, 0, 3).flatten(2)[None])[0]
