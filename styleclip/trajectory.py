"""Pictures of an optimization on its way: a file every N steps, and a video of all."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image
from torch import Tensor

from styleclip.editor import Editor
from styleclip.images import png_bytes, to_pil, write_video
from styleclip.progress import OnStep, Step, ignore
from styleclip.results import EditResult
from styleclip.storage.files import atomic_write

VIDEO_FRAMES = 100  # about as many as a video of the whole run shows


class Trajectory:
    """Renders the latents of an edit on the way; hand it to `on_step`.

    Args:
        editor: renders the latents.
        folder: the folder of the result; pictures go to its folder `frames`.
        save_every: writes every N-th step as a picture; None writes none.
        video: whether `save` writes `video.mp4`.
        on_step: gets every step after it was drawn here.

    Example:
        trajectory = Trajectory(editor, Path("red"), video=True)
        result = editor.edit(latent, "a face with red hair", Optimize(), on_step=trajectory)
        trajectory.save(result)
    """

    def __init__(
        self,
        editor: Editor,
        folder: Path,
        save_every: int | None = None,
        video: bool = False,
        on_step: OnStep = ignore,
    ) -> None:
        self.editor, self.folder, self.save_every, self.video, self.on_step = editor, folder, save_every, video, on_step
        self.paths: list[Path] = []
        self.frames: list[Image] = []

    def __call__(self, step: Step) -> None:
        every = self.save_every or max(1, step.total // VIDEO_FRAMES)
        if step.latent is not None and (self.save_every or self.video) and step.index % every == 0:
            frame = _side_by_side(self.editor.render(step.latent))
            if self.video:
                self.frames.append(frame)
            if self.save_every:
                self.paths.append(atomic_write(self.folder / "frames" / f"{step.index:05d}.png", png_bytes(frame)))
        self.on_step(step)

    def film(self, result: EditResult) -> list[Image]:
        """The frames of the video, from before to after; none without `video`."""
        return [_side_by_side(result.before), *self.frames, _side_by_side(result.after)] if self.video else []

    def save(self, result: EditResult) -> list[Path]:
        """Write the video; returns every file of the trajectory."""
        if self.video:
            self.paths.append(write_video(self.film(result), self.folder / "video.mp4"))
        return self.paths


def _side_by_side(images: Tensor) -> Image:  # [N, C, H, W] -> N * W wide
    return to_pil(images.permute(1, 2, 0, 3).flatten(2)[None])[0]
