"""Who is edited: latents, all together, or photos, each on its own, whose faces go back to where they were.

Imported when a command works.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from styleclip.alignment.paste import paste
from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photos import Photo
from styleclip.cli.faces import inverted
from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.photos import PastedPhotoOptions
from styleclip.cli.options.source import LatentSource
from styleclip.cli.output.photo_batch import PhotoOutcome, check_output_folder, run_photos
from styleclip.editor import Editor
from styleclip.errors import WeightWarning
from styleclip.files import atomic_write
from styleclip.images import png_bytes
from styleclip.inversion.generator_delta import GeneratorDelta, load_tuning, save_tuning
from styleclip.inversion.invert import Invert
from styleclip.inversion.result import LATENT_FILE, Inversion, tuning_path
from styleclip.latents import Latent, tuning_hash
from styleclip.results import RESULT_FILES, EditResult

PASTED = "photo.png"


@dataclass(frozen=True, eq=False)
class Subject:
    """Latents that are edited together, by the editor that draws them."""

    editor: Editor
    latent: Latent
    names: Sequence[str]  # of the faces, on sheets
    about: Mapping[str, Any]  # where they come from, for the record
    tuning: GeneratorDelta | None = None

    @staticmethod
    def of(source: LatentSource, editor: Editor) -> Subject:
        """What was asked for; the tuning beside a file of latents is used."""
        latent, about = source.load(editor), source.record()
        tuning = _tuning_beside(source.latent, editor) if source.latent else None
        return Subject(_tuned(editor, tuning), latent, source.names(len(latent)), about, tuning)

    @staticmethod
    def inverted(inversion: Inversion, name: str) -> Subject:
        path = inversion.aligned.photo.path
        about = {"image": path and path.resolve(), "inversion": inversion.record()}
        return Subject(Editor(inversion.models), inversion.latent, [name], about, inversion.tuning)


@dataclass(frozen=True, eq=False)
class Made:
    """What an edit of a subject has left: files, their record, and the results by folder, "" for the first one."""

    paths: Sequence[Path]
    record: dict[str, Any]
    results: Mapping[str, EditResult]  # where a single face is edited
    interrupted: str = ""  # what to say after Ctrl-C


Edit = Callable[[Subject, Path], Made]  # the subject, and the folder of its results


def edit_all(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    editor: Editor,
    folder: Path,
    edit: Edit,
    names: Iterable[str] = ("",),
) -> None:
    """Edit what was asked for, and report it; `names` are the folders of the results of one edit, within its own."""
    if source.image:
        inverter = photos.invert(common)
        inverter.prepare(editor.models)
        work = EditPhoto(common, editor, inverter, edit, list(names), photos.paste is not False)
        run_photos(common, find_photos(source.image), folder, work)
        return
    made = _edited(edit, Subject.of(source, editor), folder)
    common.report(made.paths, made.record)
    if made.interrupted:
        click.echo(made.interrupted, err=True)
        click.get_current_context().exit(130)


@dataclass(frozen=True)
class EditPhoto:
    """What is done with every photo: invert, edit and save each of its faces, then paste them all."""

    common: CommonOptions
    editor: Editor
    inverter: Invert
    edit: Edit
    names: Sequence[str]
    pastes: bool

    def __call__(self, path: Path, place: Path) -> PhotoOutcome:
        check_output_folder(path, place, self._patterns(), self.common.overwrite)
        done = Done()
        try:
            for name, inversion in inverted(self.inverter, self.editor.models, path, self.common.quiet):
                inversion.save(place / name / "inversion", overwrite=True)
                subject = Subject.inverted(inversion, path.stem + name.replace("face_", " "))
                done.add(name, inversion, _edited(self.edit, subject, place / name))
                if done.interrupted:
                    break
        except KeyboardInterrupt:
            done.stop()
        pasted = _paste(done.inversions, [*done.made.values()], place) if self.pastes else []
        return done.outcome(path, place, pasted)

    def _patterns(self) -> list[str]:
        """The names that results may have."""
        places = [Path(face, name) for face in ("", "face_*") for name in self.names]
        return [*RESULT_FILES, *(str(place / file) for place in places for file in ("after.png", PASTED))]


@dataclass
class Done:
    """The faces of a photo that are edited."""

    inversions: list[Inversion] = field(default_factory=list)
    made: dict[str, Made] = field(default_factory=dict)  # by folder, "" for the only face
    interrupted: str = ""

    def add(self, name: str, inversion: Inversion, made: Made) -> None:
        self.inversions.append(inversion)
        self.made[name] = made
        self.interrupted = made.interrupted

    def stop(self) -> None:
        """Ctrl-C between two edits; it goes on where nothing is done."""
        if not self.made:
            raise KeyboardInterrupt
        self.interrupted = f"Interrupted; kept {', '.join(self.made) or 'the edit'}"

    def outcome(self, path: Path, place: Path, pasted: Sequence[Path]) -> PhotoOutcome:
        faces = [{**each.record, "folder": place / name} for name, each in self.made.items()]
        paths = [*pasted, *(file for each in self.made.values() for file in each.paths)]
        notes = dict.fromkeys(each.aligned.note for each in self.inversions if each.aligned.note)
        shown = pasted[0] if len(pasted) == 1 else place
        return PhotoOutcome(path, shown, paths, {"faces": faces, "pasted": pasted}, ", ".join(notes), self.interrupted)


def _paste(inversions: Sequence[Inversion], made: Sequence[Made], place: Path) -> list[Path]:
    """photo.png for every result: the photo with all its edited faces."""
    photo, paths = inversions[0].aligned.photo, []
    for key in made[0].results:
        results = [each.results[key] for each in made if key in each.results]
        pieces = [one.piece(result.after) for one, result in zip(inversions, results, strict=False)]
        there = [piece for piece in pieces if piece is not None]
        if there:
            picture = paste(photo.image, there)
            record = {
                "pasted": True,
                "photo": photo.path and photo.path.resolve(),
                "results": [result.record() for result in results],
            }
            paths.append(atomic_write(place / key / PASTED, _as_file(photo, picture, record)))
    return paths


def _as_file(photo: Photo, picture: Any, record: Mapping[str, Any]) -> bytes:
    """The picture as a PNG with what the photo had besides: alpha and colour profile."""
    if photo.alpha is not None:
        picture.putalpha(photo.alpha)
    return png_bytes(picture, record, photo.icc_profile)


def _edited(edit: Edit, subject: Subject, place: Path) -> Made:
    """The edit, and the tuning beside each of its latents."""
    made = edit(subject, place)
    if subject.tuning is None:
        return made
    beside = [save_tuning(subject.tuning, tuning_path(place / key / LATENT_FILE)) for key in made.results]
    return dataclasses.replace(made, paths=[*made.paths, *beside])


def _tuning_beside(latent: Path, editor: Editor) -> GeneratorDelta | None:
    """The tuning that a file of latents was made with, if it lies beside it; else a warning."""
    wanted = tuning_hash(latent)
    if wanted is None:
        return None
    beside = [path for path in (tuning_path(latent), tuning_path(latent.with_name(LATENT_FILE))) if path.is_file()]
    for path in dict.fromkeys(beside):  # source.safetensors shares that of latent.safetensors
        tuning = load_tuning(path, editor.models)
        if tuning.sha256 == wanted:
            return tuning
    told = f"{latent} was made with a tuned generator, whose change is not beside it as {tuning_path(latent).name}"
    warnings.warn(f"{told}; the untouched one is used, so faces look less alike", WeightWarning, stacklevel=2)
    return None


def _tuned(editor: Editor, tuning: GeneratorDelta | None) -> Editor:
    return Editor(tuning.apply(editor.models)) if tuning else editor
