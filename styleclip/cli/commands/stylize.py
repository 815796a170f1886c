"""`styleclip stylize`: photos and videos in the style of a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.canvases.stylization.settings import Stylization
from styleclip.cli.options.common import ClipOptions, clip_options, force_option, preset_option, without_none
from styleclip.cli.options.from_settings import Command, option_group, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.photos import FormatOption, photo_format
from styleclip.cli.options.types import EXISTING_FILE
from styleclip.cli.output.photo_batch import PhotoBatch, PhotoJob
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.settings import preset_values, setting
from styleclip.text.names import slug

if TYPE_CHECKING:
    from styleclip.alignment.photos import Photo
    from styleclip.canvases.stylization.result import StyledPhoto

    Draw = Callable[[Photo, Progress], StyledPhoto]

IDENTITY = "Face-recognition network of the identity loss and its score.  [default: that of the demo for its CLIPs]"


@dataclass(frozen=True)
class PictureOptions:
    """How a styled photo is written."""

    format: FormatOption | None = setting(None, "Format of the photo; same is its own.  [default: png]")
    quality: int | None = setting(
        None, "Quality of a photo that is no PNG, 1 to 100.  [default: 95]", least=1, most=100
    )


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="PHOTO...")
@option("--prompt", metavar="TEXT", help='The style, e.g. "a pencil sketch of a face".')
@force_option
@option("--net", "net_file", type=EXISTING_FILE, metavar="FILE", help="Draw by a net of --save-net, without training.")
@option("--save-net", is_flag=True, help="Write the net as net.safetensors, for --net.")
@settings_options(Stylization)
@option("--identity", type=click.Choice(["arcface", "demo", "facenet", "none"]), help=IDENTITY)
@option_group("photos", PictureOptions)
@preset_option
@clip_options
def stylize(
    common: ClipOptions,
    photos: PictureOptions,
    names: tuple[str, ...],
    prompt: str | None,
    force: bool,
    net_file: Path | None,
    save_net: bool,
    identity: str | None,
    preset: str,
    **settings: Any,
) -> None:
    """Draw each PHOTO in the style of a text: a file, a folder or a pattern such as 'holiday/*.jpg'; also videos.

    A small U-Net is trained on the photo until CLIP sees the style in it (CLIPstyler), and draws it at its own size; on
    a video, on its middle frame. With --net a net that was trained before draws everything at once.
    """
    from styleclip.canvases.stylization.result import STYLIZATION_FILES
    from styleclip.canvases.stylization.videos import draw_video, find_pictures, is_video, read_picture

    given = without_none(settings)
    if (prompt is None) == (net_file is None):
        raise UsageError("say the style with --prompt, or pass --net with a net that was trained for one")
    if net_file is not None and (given or identity or save_net or force):
        raise UsageError("--net draws as the net was trained; leave out the options of a training")
    chosen = Stylization(**preset_values(Stylization, preset, given))
    written = photo_format(photos.format, photos.quality)
    found = find_pictures(names)
    folder = common.folder(f"stylize/{slug(prompt or Path(str(net_file)).stem)}", STYLIZATION_FILES)
    draw = _trainer(common, prompt, chosen, identity, force) if net_file is None else _drawer(common, net_file)
    batch = PhotoBatch(common, found, folder, StylizationJob)
    for job in batch:
        with job, Progress(job.photo.name, common.quiet) as progress:
            photo = read_picture(job.photo)
            written.check(photo)
            styled = draw(photo, progress)
            job.take(styled, styled.save(job.folder, common.overwrite, common.recording, written, save_net))
            if is_video(job.photo):
                job.paths.insert(0, draw_video(styled.net, job.photo, job.folder / "video.mp4", progress))
            job.shown = job.paths[0]
    batch.finish()


class StylizationJob(PhotoJob):
    """A photo or a video that is drawn in a style."""

    def take(self, styled: StyledPhoto, paths: list[Path]) -> None:
        """Note the result, which is kept, and its files."""
        self.keep("", paths, self.common.recording.of_json(styled.record(), self.folder))
        self.note = _note(styled)
        if styled.interrupted:
            self.interrupted = f"Interrupted at step {styled.result.steps}; kept the net as it was then"

    def record(self) -> dict[str, Any]:
        """The record for `--json`."""
        if self.shown is None:
            return super().record()
        return {"photo": self.photo, **self.records[""], "files": [*self.paths]}


def _note(styled: StyledPhoto) -> str:
    """The scores in words: `direction 0.61, identity 0.93`."""
    scores = styled.scores
    faces = scores.get("identity", [])
    identity = [f"identity {' '.join(f'{value:.2f}' for value in faces)}"] if faces else []
    return ", ".join([*([f"direction {scores['direction']:.2f}"] if "direction" in scores else []), *identity])


def _trainer(common: ClipOptions, prompt: str | None, settings: Stylization, identity: str | None, force: bool) -> Draw:
    """Trains a net for every photo."""
    from styleclip.canvases.stylization.content import load_content
    from styleclip.canvases.stylization.stylize import stylize, suited_identity
    from styleclip.loading import load_identity
    from styleclip.prompt_words import check_words

    clip = common.load_clip()
    check_words(clip, (prompt or "", settings.source or ""), force)  # before the photos, each of which may fail
    recogniser = load_identity(identity or suited_identity(clip), common.fetch)
    if recogniser is not None:
        recogniser.to(clip.mean.device).requires_grad_(False).eval()
    content = load_content(clip, settings.content)

    def draw(photo: Photo, progress: Progress) -> StyledPhoto:
        return stylize(photo, prompt or "", clip, settings, recogniser, content, progress, force=force)

    return draw


def _drawer(common: ClipOptions, net_file: Path) -> Draw:
    """Draws every photo by the same net."""
    from styleclip.canvases.stylization.style_net import StyleNet
    from styleclip.canvases.stylization.stylize import apply_net
    from styleclip.runtime.devices import pick_device

    net = StyleNet.load(net_file, pick_device(common.device))
    return lambda photo, progress: apply_net(net, photo)
