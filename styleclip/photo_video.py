"""A video of a photo: the faces change in it as they do in the frames of an edit or a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from styleclip.alignment.paste import paste
from styleclip.images import write_video
from styleclip.photo_editing import PhotoEdit
from styleclip.progress import OnStep, Step, ignore

MAX_SIDES_PX = {".mp4": 1280, ".gif": 640}  # of the video; larger photos are reduced

Frames = Sequence[Image.Image]


def photo_frames(edited: PhotoEdit, frames: Mapping[str, Frames], max_side_px: int = 1280) -> Iterator[Image.Image]:
    """The photo with the n-th frames of all faces pasted in, for every n; reduced to `max_side_px` on its longer side.

    `frames` are the pictures of each face, by its name; a face with fewer of them stays as in its last. Nothing where
    no face has been cut out of the photo.
    """
    scale = min(1.0, max_side_px / max(edited.photo.image.size))
    width, height = (max(round(length * scale), 1) for length in edited.photo.image.size)
    photo = edited.photo.image.resize((width, height), Image.Resampling.LANCZOS)
    faces = [(face, frames[face.name]) for face in edited.faces if frames.get(face.name)]
    drawn: dict[tuple[int, ...], Image.Image] = {}  # by the identity of the frames: a sweep shows each twice
    for number in range(max((len(each) for _, each in faces), default=0)):
        shown = [each[min(number, len(each) - 1)] for _, each in faces]
        pieces = [face.inversion.piece_of(frame, face.region) for (face, _), frame in zip(faces, shown, strict=True)]
        placed = [replace(piece, quad=(piece.quad + 0.5) * scale - 0.5) for piece in pieces if piece is not None]
        if not placed:
            return
        key = tuple(map(id, shown))
        if key not in drawn:
            drawn[key] = paste(photo, placed)
        yield drawn[key]


def write_photo_video(
    edited: PhotoEdit, frames: Mapping[str, Frames], path: Path, on_step: OnStep = ignore
) -> list[Path]:
    """Write `photo_frames` as MP4 or GIF; returns its path, or nothing where no face has been cut out of the photo.

    Args:
        edited: the photo and its faces.
        frames: the pictures of each face, by its name: "" for the only one, else face_1, face_2, ...
        path: the file, which ends with .mp4 or .gif.
        on_step: gets a step per frame.

    Raises OutputError where it cannot be written.

    Example:
        trajectory = Trajectory(Editor(face.source.models), Path("out"), video=True)
        face.results[""] = editor.edit(face.source.latent, prompt, Optimize(), trajectory)
        write_photo_video(edited, {face.name: trajectory.film(face.results[""])}, Path("out/photo.mp4"))
    """
    drawn: list[Image.Image] = []
    for frame in photo_frames(edited, frames, MAX_SIDES_PX.get(path.suffix, MAX_SIDES_PX[".mp4"])):
        drawn.append(frame)
        on_step(Step(len(drawn), max(map(len, frames.values())), stage="video of the photo"))
    return [write_video(drawn, path)] if drawn else []
