"""All faces of a photo as latents, and the files they become."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from styleclip.alignment.photos import Photo, PhotoLike, read_photo
from styleclip.inversion.invert import Invert
from styleclip.inversion.result import INVERSION_FILES, LATENT_FILE, Inversion
from styleclip.latents import Latent, save_latent
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

PHOTO_INVERSION_FILES = tuple(f"{face}{name}" for face in ("", "face_[0-9]*/") for name in INVERSION_FILES)


@dataclass(eq=False)
class PhotoInversion:
    """The inverted faces of a photo, by name: "" for the only one, else face_1, face_2, ... from left to right."""

    photo: Photo
    faces: dict[str, Inversion] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)  # files written so far, where a folder was given
    interrupted: bool = False  # by Ctrl-C, after the last of `faces`

    @property
    def latents(self) -> list[Latent]:
        """The latent in W+ of every face."""
        return [inversion.latent for inversion in self.faces.values()]


def invert_photo(
    models: Models,
    photo: PhotoLike,
    how: Invert | None = None,
    folder: Path | None = None,
    overwrite: bool = False,
    on_step: OnStep = ignore,
    recording: Recording = DEFAULT_RECORDING,
) -> PhotoInversion:
    """Invert the faces of a photo that `how` means, one by one.

    Ctrl-C keeps the faces that are complete (`interrupted`); it is raised where none is. Raises what `Invert` raises,
    and OutputError where `folder` holds earlier results or cannot be written.

    Args:
        models: the models of an editor.
        photo: a file, its bytes, a picture or an array (`read_photo`).
        how: which faces, and how they become latents.
        folder: where each face is written as soon as it is complete, as by `Inversion.save`: the only one in the folder
            itself, several in face_1, face_2, ... with latent.safetensors of them all beside; None writes nothing.
        overwrite: whether earlier results in `folder` may be replaced.
        on_step: gets the steps, with `stage` "refine" or "face 2 of 3: refine".
        recording: what pictures and result.json say of the photo.

    Example:
        found = invert_photo(styleclip.load("demo"), "family.jpg", Invert(face="all"), Path("family"))
    """
    opened = read_photo(photo)
    found = PhotoInversion(opened)
    with ExitStack() as stack:
        place = None
        if folder is not None:
            output = ResultFolder(folder, PHOTO_INVERSION_FILES, overwrite, source=opened.path)
            place = stack.enter_context(output).place
        try:
            for name, inversion in (how or Invert()).faces(models, opened, on_step):
                if place is not None:
                    found.paths += inversion.save(place / name, overwrite, recording)
                found.faces[name] = inversion
        except KeyboardInterrupt:
            if not found.faces:
                raise
            found.interrupted = True
        if place is not None and "" not in found.faces:
            found.paths += save_latents(found.latents, place)
    found.paths = [final_path(path) for path in found.paths]
    return found


def save_latents(latents: Iterable[Latent], folder: Path) -> list[Path]:
    """Write latents of one space as one latent.safetensors, which `--latent` takes; no file for no latents."""
    rows = list(latents)
    return [save_latent(Latent.cat(rows), folder / LATENT_FILE)] if rows else []
