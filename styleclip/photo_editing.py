"""Edit the faces of a photo: invert each, edit it, paste all back into the photo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from styleclip.alignment.paste import paste as paste_pieces
from styleclip.alignment.photo_formats import PhotoFormat
from styleclip.alignment.photos import Photo, PhotoLike, read_photo
from styleclip.edit_source import EditSource
from styleclip.interrupts import defer_interrupts
from styleclip.inversion.invert import Invert
from styleclip.inversion.result import Inversion
from styleclip.models import Models
from styleclip.photo_files import DEFAULT_FORMAT, photo_folder
from styleclip.progress import OnStep, ignore
from styleclip.regions import Region
from styleclip.results import EditResult
from styleclip.storage.files import atomic_write
from styleclip.storage.recording import DEFAULT_RECORDING, InputFile, Recording
from styleclip.storage.temporaries import final_path

MOVED = "moved within its frame, so not pasted back"
# Edits a source. Each result has a key, the name of its folder; a single result has the key "".
EditFace = Callable[[EditSource], Iterable[tuple[str, EditResult]]]


@dataclass(eq=False)
class FaceEdit:
    """One face of a photo and the results of its edit, by key.

    `name` is "" for the only face, else face_1, face_2, ... from the left; `interrupted` says that Ctrl-C ended the
    edit, and the results that were complete by then are kept.
    """

    name: str
    inversion: Inversion
    results: dict[str, EditResult] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def region(self) -> Region | None:
        """Where its results may differ from the photo, in the frame of the face; None for everywhere."""
        return next((result.region for result in self.results.values()), None)

    @property
    def source(self) -> EditSource:
        inversion, path = self.inversion, self.inversion.aligned.photo.path
        label = (path.stem if path else "photo") + self.name.replace("face_", " ")
        about = {"image": path and InputFile(path), "inversion": inversion.record()}
        return EditSource(inversion.models, inversion.latent, [label], about, inversion.tuning)


@dataclass(eq=False)
class PhotoEdit:
    """The edited faces of a photo, from left to right, and by key the photo with all of them pasted back.

    `pasted` is empty where nothing is to be pasted: a photo that is all face, or `paste` was not called.

    Example:
        edited = PhotoEdit(read_photo("family.jpg"))
        for face in edited.invert_faces(models, Invert(face="all")):
            face.results[""] = Editor(face.source.models).edit(face.source.latent, "an old face", Optimize())
        edited.paste()
        edited.save("family")
    """

    photo: Photo
    faces: list[FaceEdit] = field(default_factory=list)
    pasted: dict[str, Image.Image] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def notes(self) -> list[str]:
        """Remarks on the faces, such as that the picture was aligned already; of several faces with their names."""
        names: dict[str, list[str]] = {}
        for face in self.faces:
            if face.inversion.aligned.note:
                names.setdefault(face.inversion.aligned.note, []).append(face.name)
            if face.inversion.models.transform is not None and face.inversion.aligned.quad is not None:
                names.setdefault(MOVED, []).append(face.name)
        one = len(names) <= 1 and all(len(faces) == len(self.faces) for faces in names.values())
        return [note if one else f"{', '.join(faces)}: {note}" for note, faces in names.items()]

    def invert_faces(self, models: Models, how: Invert, on_step: OnStep = ignore) -> Iterator[FaceEdit]:
        """The faces that `how` means, inverted one by one, for the caller to edit before the next is asked for.

        A face is added to `faces` when the next is asked for, if it has a result by then. One that is `interrupted` is
        the last. Raises as `Invert.faces` does.
        """
        for name, inversion in how.faces(models, self.photo, on_step):
            face = FaceEdit(name, inversion)
            yield face
            if face.results:
                self.faces.append(face)
            self.interrupted = face.interrupted
            if self.interrupted:
                break

    def paste(self, keys: Iterable[str] = ("",)) -> dict[str, Image.Image]:
        """Paste all faces back, once for every key: fills and returns `pasted`; the photo's own alpha is kept.

        Outside of the region of a result the photo keeps its pixels.
        """
        for key in keys:
            edits = [(face.inversion, face.results[key]) for face in self.faces if key in face.results]
            pieces = [inversion.piece(result.after, result.region) for inversion, result in edits]
            placed = [piece for piece in pieces if piece is not None]
            if placed:
                self.pasted[key] = paste_pieces(self.photo.image, placed)
                if self.photo.alpha is not None:
                    self.pasted[key].putalpha(self.photo.alpha)
        return self.pasted

    def record(self, key: str = "") -> dict[str, Any]:
        """The record of a pasted photo: the photo, and the results of all faces."""
        name = self.photo.path and InputFile(self.photo.path)
        results = [face.results[key].record() for face in self.faces if key in face.results]
        return {"pasted": True, "photo": name, "photo_sha256": self.photo.sha256, "results": results}

    @defer_interrupts()
    def save(
        self,
        folder: Path | str,
        overwrite: bool = False,
        recording: Recording = DEFAULT_RECORDING,
        photo_format: PhotoFormat = DEFAULT_FORMAT,
    ) -> list[Path]:
        """Write the results and inversions of all faces and the pasted photos; raises OutputError.

        The files of the only face lie in `folder`, those of several in face_1, face_2, ... A key is a folder within:
        photo.png in `folder/KEY`, result.json in `folder/face_1/KEY`, and the inversion in `folder/face_1/inversion`.
        """
        keys = [*self.faces[0].results]
        with photo_folder(Path(folder), self.photo, keys, photo_format, overwrite) as output:
            paths: list[Path] = []
            for face in self.faces:
                place = output.place / face.name
                face.inversion.save(place / "inversion", True, recording)
                for key, result in face.results.items():
                    paths += face.source.save(result, place / key, overwrite, recording)
            paths[:0] = self.save_pasted(output.place, recording, photo_format)
        return [final_path(path) for path in paths]

    @defer_interrupts()
    def save_pasted(
        self,
        folder: Path | str,
        recording: Recording = DEFAULT_RECORDING,
        photo_format: PhotoFormat = DEFAULT_FORMAT,
    ) -> list[Path]:
        """Write photo.png of every key, or photo.jpg etc.; raises OutputError."""
        paths = []
        for key, picture in self.pasted.items():
            name = photo_format.file_name(self.photo)
            content = photo_format.encode(picture, self.photo, recording.of_picture(self.record(key), name))
            paths.append(atomic_write(Path(folder) / key / name, content))
        return paths


def edit_photo(
    models: Models,
    photo: PhotoLike,
    edit: EditFace,
    how: Invert | None = None,
    keys: Sequence[str] = ("",),
    paste: bool = True,
    on_step: OnStep = ignore,
) -> PhotoEdit:
    """Invert the faces of a photo that `how` means, edit each on its own, and paste all back where they were.

    Ctrl-C keeps what is complete by then (`interrupted`); it is raised where nothing is. Raises PhotoError for what is
    no picture, NoFaceError where a face is missing, and what the edit raises.

    Args:
        models: the models of an editor.
        photo: a file, its bytes, a picture or an array (`read_photo`).
        edit: edits a face; see `EditFace`. Its results may come in any order.
        how: which faces, and how they become latents.
        keys: the keys that `edit` gives, in the order of the report; others follow.
        paste: whether to paste the faces back.
        on_step: gets the steps of the inversions, with `stage` "refine" or "face 2 of 3: refine".

    Example:
        def age(source):
            yield "", Editor(source.models).edit(source.latent, "an old face", Optimize())

        edit_photo(models, "family.jpg", age, Invert(face="all")).save("family")
    """
    edited = PhotoEdit(read_photo(photo))
    try:
        for face in edited.invert_faces(models, how or Invert(), on_step):
            _edit_face(face, edit)
    except KeyboardInterrupt:
        if not edited.faces:
            raise
        edited.interrupted = True
    order = dict.fromkeys([*keys, *(key for face in edited.faces for key in face.results)])
    for face in edited.faces:
        face.results = {key: face.results[key] for key in order if key in face.results}
    if paste:
        edited.paste(order)
    return edited


def _edit_face(face: FaceEdit, edit: EditFace) -> None:
    """Edit a face; Ctrl-C keeps its complete results, and is raised where it has none."""
    try:
        for key, result in edit(face.source):
            face.results[key] = result
            face.interrupted |= result.interrupted
    except KeyboardInterrupt:
        if not face.results:
            raise
        face.interrupted = True
