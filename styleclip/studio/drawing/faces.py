"""Uploaded photos: their faces, the inversion of one, and its edit pasted back."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import BoundedSemaphore
from typing import Any

from PIL import Image
from torch import Tensor

from styleclip.alignment.align import Aligned
from styleclip.alignment.paste import paste as paste_pieces
from styleclip.alignment.photos import Photo, read_photo
from styleclip.errors import NoFaceError
from styleclip.inversion.invert import Invert, tune_inversion
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.inversion.refine import Refine
from styleclip.inversion.result import Inversion
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.regions import Region
from styleclip.studio.drawing.pictures import SMALL, jpeg_bytes
from styleclip.studio.requests import Busy
from styleclip.studio.states.state import PhotoFace
from styleclip.studio.threads.device_lock import DeviceLock

WHOLE = 0  # number of the face that means the picture without a search for faces, as --no-align
PREVIEW_PX = 1024  # longer side of a photo on the page, at most
THUMBNAIL_PX = 96  # side of a face to choose from
MAX_FACES = 64  # of a photo, the largest; each keeps a frame of some megabytes
MAX_WAITING = 8  # uploads in the queue of `FaceFinder`, the one at work included


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """An uploaded photo and the frames of its faces.

    Args:
        photo: the photo.
        name: of its file, for messages.
        frames: by the number of the face, which counts from 1 and from the left, as `--face N` does.
        preview: the photo in RGB, over white where it is transparent, at most PREVIEW_PX wide and high.
        notes: sentences about the photo, e.g. that no face was found.
    """

    photo: Photo
    name: str
    frames: dict[int, Aligned]
    preview: Image.Image
    notes: Sequence[str] = ()

    @property
    def sha256(self) -> str:
        """The hash of the uploaded file."""
        return self.photo.sha256 or ""

    @property
    def bytes(self) -> int:
        """The memory that the pictures take, to a few per cent."""
        pictures = [self.photo.image, self.preview, *(aligned.frame for aligned in self.frames.values())]
        return sum(3 * picture.width * picture.height for picture in pictures)

    def frame(self, models: Models, number: int) -> Aligned:
        """The frame of a face, or for WHOLE that of the whole picture. Raises NoFaceError for another number."""
        if number == WHOLE:
            return Invert(align=False).frames(models, self.photo)[0]
        if number not in self.frames:
            count = f"{len(self.frames)} face{'' if len(self.frames) == 1 else 's'}"
            raise NoFaceError(f"{self.name} has {count} and no number {number}; choose one of its thumbnails")
        return self.frames[number]

    def record(self) -> dict[str, Any]:
        """What the page is told of the photo, as JSON."""
        return {
            "sha256": self.sha256,
            "name": self.name,
            "size": list(self.photo.image.size),
            "faces": [_face_record(number, aligned) for number, aligned in self.frames.items()],
            "notes": list(self.notes),
        }


class FaceFinder:
    """Reads uploads and finds their faces, one after the other in a thread of its own.

    Args:
        models: the generator tells how faces are framed.
        lock: of the device that frames and jobs share.

    Example:
        finder = FaceFinder(models)
        faces = await asyncio.wrap_future(finder.submit(content, "me.jpg"))
    """

    def __init__(self, models: Models, lock: DeviceLock | None = None) -> None:
        self.models, self.lock = models, lock or DeviceLock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="faces")
        self._places = BoundedSemaphore(MAX_WAITING)

    def submit(self, content: bytes, name: str) -> Future[PhotoFaces]:
        """The faces of a file, later (`faces_of`). Raises Busy where too many uploads wait already."""
        if not self._places.acquire(blocking=False):
            raise Busy("other photos are being read; try again in a second")
        future = self._thread.submit(faces_of, self.models, content, name, self.lock)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def close(self) -> None:
        """Forget the uploads that wait, and end the thread after the one at work."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def faces_of(models: Models, content: bytes, name: str, lock: DeviceLock | None = None) -> PhotoFaces:
    """Read a file and find its faces, framed as the generator frames them; a note where it has none.

    `lock` is held while faces are found, and not while the file is decoded. Raises PhotoError for what is no picture,
    or is too large.
    """
    photo = read_photo(_Upload(content, name))
    preview = _flatten(_reduced(photo.image), photo.alpha)
    try:
        with lock.job() if lock else nullcontext():
            frames = Invert(face="all").frames(models, photo)
    except NoFaceError:
        remedy = "use it whole, or drop a larger picture of a face seen from the front"
        return PhotoFaces(photo, name, {}, preview, [f"no face was found in {name}; {remedy}"])
    return PhotoFaces(photo, name, _largest(frames), preview, _notes(frames))


def invert_face(
    models: Models, faces: PhotoFaces, face: PhotoFace, on_step: OnStep = ignore, untuned: Inversion | None = None
) -> Inversion:
    """The inversion of the face that a state names, with its steps of refinement and tuning.

    `untuned` is that of the same face without the tuning, where it is known. Raises what `Invert.invert` raises, and
    NoFaceError where the photo has no face of that number.
    """
    if untuned is None:
        refine = Refine(steps=face.refine) if face.refine else None
        untuned = Invert(refine).invert(models, faces.frame(models, face.face), on_step)
    return tune_inversion(untuned, PivotalTuning(steps=face.tune), on_step) if face.tune else untuned


def paste_preview(
    faces: PhotoFaces, inversion: Inversion, edited: Tensor, region: Region | None = None
) -> Image.Image | None:
    """`faces.preview` in RGB, with an edit [1, C, H, W] of a face pasted in; None where the frame is the photo.

    It takes milliseconds for any photo. Outside of `region` the preview keeps its pixels.
    """
    piece = inversion.piece(edited, region)
    if piece is None:
        return None
    scale = [small / large for small, large in zip(faces.preview.size, faces.photo.image.size, strict=True)]
    return paste_pieces(faces.preview, [replace(piece, quad=(piece.quad + 0.5) * scale - 0.5)])


class _Upload(io.BytesIO):
    """An open file whose name tells `read_photo` camera raw files from TIFF."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def _largest(frames: Sequence[Aligned]) -> dict[int, Aligned]:
    """The frames by their numbers; of very many those of the largest faces."""
    numbered = dict(enumerate(frames, start=1))
    by_area = sorted(numbered, key=lambda number: -(face.area if (face := numbered[number].face) else 0.0))
    return {number: numbered[number] for number in sorted(by_area[:MAX_FACES])}


def _notes(frames: Sequence[Aligned]) -> list[str]:
    """The remark on the only face, and how many of very many are shown; remarks on several stand with each."""
    if len(frames) > MAX_FACES:
        return [f"the photo has {len(frames)} faces; the {MAX_FACES} largest are shown"]
    return [_sentence(frames[0].note)] if len(frames) == 1 and frames[0].note else []


def _sentence(note: str) -> str:
    """A note of `Aligned`, in which the picture may be left out, as a sentence."""
    return f"the picture {note}" if note.startswith(("is ", "was ")) else note


def _face_record(number: int, aligned: Aligned) -> dict[str, Any]:
    thumbnail = aligned.frame.copy()
    thumbnail.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return {
        "number": number,
        "box": _box(aligned),
        "thumbnail": f"data:image/jpeg;base64,{base64.b64encode(jpeg_bytes(thumbnail, **SMALL)).decode()}",
        "whole": aligned.quad is None,
        "note": _sentence(aligned.note),
    }


def _box(aligned: Aligned) -> list[float]:
    """Left, top, right and bottom of the face, or of the frame where none was searched, from 0 to 1 of the photo."""
    width, height = aligned.photo.image.size
    if aligned.face is not None:
        left, top, right, bottom = aligned.face.box
    elif aligned.quad is not None:
        (left, top), (right, bottom) = aligned.quad[[0, 2]] + 0.5
    else:
        left, top, right, bottom = 0.0, 0.0, width, height
    places = (left / width, top / height, right / width, bottom / height)
    return [round(min(max(float(place), 0.0), 1.0), 4) for place in places]


def _reduced(picture: Image.Image) -> Image.Image:
    """The picture, or a copy of PREVIEW_PX on its longer side where it is larger."""
    factor = PREVIEW_PX / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(round(picture.width * factor), 1), max(round(picture.height * factor), 1))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _flatten(picture: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """The picture over white, by an alpha of any size."""
    if alpha is None:
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, "white"), alpha.resize(picture.size))
