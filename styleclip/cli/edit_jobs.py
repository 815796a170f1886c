"""Jobs of the editor commands: a batch of latents at once, or the faces of photos one by one.

Example:
    for job in edit_jobs(common, source, photos, editor, folder):
        with job:
            for face in job.faces():
                face.save(face.editor.edit(face.latent, prompt, method, about=face.about))
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from PIL.Image import Image

from styleclip.alignment.photo_formats import PhotoFormat
from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photos import read_photo
from styleclip.cli.face_job import FaceJob
from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.photos import PastedPhotoOptions
from styleclip.cli.options.source import LatentSource
from styleclip.cli.output.photo_batch import PhotoBatch, PhotoJob
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import StageProgress
from styleclip.errors import UsageError
from styleclip.interrupts import exit_code
from styleclip.inversion.invert import Invert
from styleclip.models import Models
from styleclip.photo_editing import PhotoEdit
from styleclip.photo_files import latents_folder, photo_folder
from styleclip.photo_video import write_photo_video
from styleclip.regions import Region
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

if TYPE_CHECKING:
    from styleclip.editor import Editor


class LatentJob:
    """All latents of a source, edited together."""

    def __init__(self, face: FaceJob, output: ResultFolder) -> None:
        self.face, self.output = face, output

    def __enter__(self) -> LatentJob:
        return self

    def __exit__(self, *error: Any) -> None:
        """Replace earlier results; after an error, which ends the command, they stay."""
        self.output.__exit__(*error)

    def faces(self) -> Iterator[FaceJob]:
        yield self.face


class PhotoEditJob(PhotoJob):
    """A photo whose faces are inverted when they are asked for, edited, and pasted back together."""

    def __init__(
        self,
        *job: Any,
        inverter: Invert,
        models: Models,
        keys: Sequence[str],
        paste: bool,
        photo_format: PhotoFormat,
        region: Region | None,
    ) -> None:
        super().__init__(*job)
        self.inverter, self.models, self.keys, self.paste = inverter, models, keys, paste
        self.photo_format, self.region = photo_format, region
        self.films: dict[str, dict[str, Sequence[Image]]] = {}  # the frames of every face, by the name of the video

    @cached_property
    def edited(self) -> PhotoEdit:
        return PhotoEdit(read_photo(self.photo))

    def faces(self) -> Iterator[FaceJob]:
        common = self.common
        photo = self.edited.photo
        if self.paste:
            self.photo_format.check(photo)
        self.output = photo_folder(self.folder, photo, self.keys, self.photo_format, common.overwrite)
        place = self.output.place
        with StageProgress(self.photo.name, common.quiet) as progress:
            for edit in self.edited.invert_faces(self.models, self.inverter, progress):
                progress.close()
                folder = place / edit.name
                edit.inversion.save(folder / "inversion", True, common.recording)
                face = FaceJob(
                    edit.source,
                    folder,
                    self.keys,
                    common.overwrite,
                    results=edit.results,
                    quiet=common.quiet,
                    recording=common.recording,
                    pasted=self.paste,
                    region=self.region,
                )
                yield face
                self.keep(edit.name, face.files, {**face.record, "folder": final_path(face.folder)})
                for name, frames in face.films.items():
                    self.films.setdefault(name, {})[edit.name] = frames
                self.interrupted, edit.interrupted = face.interrupted, bool(face.interrupted)

    def conclude(self) -> None:
        """Paste all faces back into the photo, once for every key."""
        if self.paste:
            self.edited.paste(self.keys)
        place = self.folder if self.output is None else self.output.place
        pasted = [*map(final_path, self.edited.save_pasted(place, self.common.recording, self.photo_format))]
        self.paths[:0] = pasted
        if pasted:
            self._write_videos(place)
        self.extra["pasted"] = pasted
        self.note = ", ".join(self.edited.notes)
        self.shown = pasted[0] if len(pasted) == 1 else self.folder

    def _write_videos(self, place: Path) -> None:
        """Write the videos of the photo, unless Ctrl-C comes; all else is kept then."""
        try:
            with StageProgress(self.photo.name, self.common.quiet) as progress:
                for name, frames in self.films.items():
                    paths = write_photo_video(self.edited, frames, place / name, progress)
                    self.paths += map(final_path, paths)
        except KeyboardInterrupt:
            self.interrupted = "Interrupted; kept all but the video of the photo"


def edit_jobs(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    editor: Editor,
    folder: Path,
    keys: Sequence[str] = ("",),
) -> Iterator[LatentJob | PhotoEditJob]:
    """The jobs of one call; after the last one they are reported, and the command ends as `PhotoBatch.finish` says.

    `keys` are the names of the results of an edit: folders within its folder, "" for a single result.
    """
    region = source.region(editor.models.generator)
    if not source.image:
        latents = source.load(editor)
        output = latents_folder(folder, keys, common.overwrite)
        choices: dict[str, Any] = {"quiet": common.quiet, "recording": common.recording, "region": region}
        face = FaceJob(latents, output.place, keys, common.overwrite, **choices)
        yield LatentJob(face, output)
        common.report(face.files, face.record)
        if face.interrupted:
            print_lines(face.interrupted, err=True)
            click.get_current_context().exit(exit_code())
        return
    if photos.paste and editor.models.transform is not None:
        raise UsageError("a face that is moved within its frame has no place in the photo; leave out --paste")
    inverter = photos.invert(common)
    inverter.prepare(editor.models)
    make_job = functools.partial(
        PhotoEditJob,
        inverter=inverter,
        models=editor.models,
        keys=keys,
        paste=photos.paste is not False,
        photo_format=photos.photo_format(),
        region=region,
    )
    batch = PhotoBatch(common, find_photos(source.image), folder, make_job)
    yield from batch
    batch.finish()
