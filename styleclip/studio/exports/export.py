"""Files that are made of a state: pictures, a strip and a video of one row, a direction, the mask, the state itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from styleclip.alignment.photo_formats import DEFAULT_QUALITY, ENCODERS, PhotoFormat
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.images import png_bytes, to_pil
from styleclip.photo_editing import FaceEdit, PhotoEdit
from styleclip.progress import OnStep, ignore
from styleclip.prompt_words import PromptWarning
from styleclip.results import EditResult
from styleclip.runtime.warnings_of_thread import collect_warnings
from styleclip.storage.files import to_json
from styleclip.studio.drawing.pictures import jpeg_bytes
from styleclip.studio.engine import StateEdit
from styleclip.studio.exports.direction import direction_content
from styleclip.studio.exports.recipes import MASK_FILE, Row, face_title, file_name, row_title
from styleclip.studio.exports.sweep import strip_picture, video_content
from styleclip.studio.states.restore import STUDIO_KEY
from styleclip.studio.states.state import PhotoFace, State
from styleclip.studio.states.strokes import Size, mask_picture, region_of
from styleclip.text.names import slug

EXPORTS = ("png", "jpeg", "photo", "strip", "video", "direction")
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".tif": "image/tiff",
    ".jp2": "image/jp2",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".json": "application/json",
    ".safetensors": "application/octet-stream",
}


@dataclass(frozen=True)
class ExportedFile:
    """A file to download."""

    name: str
    content: bytes

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[PurePosixPath(self.name).suffix]


@dataclass(frozen=True)
class Export:
    """What to make of a state.

    Args:
        what: one of EXPORTS.
        row: the id of the row of a strip, a video or a direction; a strip without one shows before and after.
        format: of a photo png, jpeg, webp or same, of a video mp4 or gif; None is same and mp4.

    Example:
        edit = engine.edit_of(state, session)
        exported = Export("video", row="r1").make(state, edit)
        Path(exported.name).write_bytes(exported.content)
    """

    what: str
    row: str | None = None
    format: str | None = None

    def make(self, state: State, edit: StateEdit, on_step: OnStep = ignore) -> ExportedFile:
        """The file. Raises UsageError for what cannot be made of the state, and what `Editor.edit_together` raises.

        `on_step` gets a step per frame of a strip or a video.
        """
        if self.what not in EXPORTS:
            raise UsageError(f"{self.what[:40]!r} cannot be exported; choose {', '.join(EXPORTS)}")
        if edit.region is None:
            region_of(state.strokes, edit.face.models.generator.image_size)  # raises where strokes leave nothing
        if self.what in ("png", "jpeg"):
            return self._picture(state, edit)
        if self.what == "photo":
            return self._photo(state, edit)
        if self.what == "strip":
            title = _row_name(state, self.row) if self.row else edit_name(state)
            return ExportedFile(f"{title}-strip.png", png_bytes(strip_picture(edit, self.row, on_step)))
        row = self._needed_row()
        if self.what == "direction":
            return ExportedFile(f"{_row_name(state, row)}.safetensors", direction_content(edit, row))
        suffix = self.format or "mp4"
        content = video_content(edit, row, suffix, on_step)
        return ExportedFile(f"{_row_name(state, row)}.{suffix}", content)

    def _needed_row(self) -> str:
        if self.row is None:
            raise UsageError(f"a {self.what} is of one row; name it")
        return self.row

    def _picture(self, state: State, edit: StateEdit) -> ExportedFile:
        """The frame of the generator, as PNG with its record or as JPEG."""
        result = edited_result(state, edit)
        if self.what == "jpeg":
            options = ENCODERS["JPEG"].options_at(DEFAULT_QUALITY)
            return ExportedFile(f"{edit_name(state)}.jpg", jpeg_bytes(to_pil(result.after)[0], **options))
        [picture] = to_pil(result.after, keep_channels=True)
        record = {**result.record(), STUDIO_KEY: state.record()}
        return ExportedFile(f"{edit_name(state)}.png", png_bytes(picture, record))

    def _photo(self, state: State, edit: StateEdit) -> ExportedFile:
        """The photo at full size, with the edited face pasted in."""
        inversion = edit.face.inversion
        if inversion is None or not isinstance(state.face, PhotoFace):
            raise UsageError("this face comes from a seed and has no photo; download it as PNG")
        photo_format, photo = PhotoFormat(self.format or "same"), inversion.aligned.photo  # type: ignore[arg-type]
        photo_format.check(photo)
        edited = PhotoEdit(photo, [FaceEdit("", inversion, {"": edited_result(state, edit)})])
        if state.transform is not None:
            raise UsageError("the face is moved within its frame, so it has no place in the photo; reset its place")
        if not edited.paste():
            raise UsageError("the face is the whole picture, so there is nothing to paste it into; download it as PNG")
        record = {**edited.record(), "photo": file_name(state.face.name), STUDIO_KEY: state.record()}
        content = photo_format.encode(edited.pasted[""], photo, record)
        suffix = PurePosixPath(photo_format.file_name(photo)).suffix
        return ExportedFile(f"{slug(face_title(state.face))}-{edit_name(state)}{suffix}", content)


def mask_file(state: State, size: Size) -> ExportedFile:
    """The mask of the brush for pictures of this height and width, which `--mask` reads to the same region."""
    if not state.strokes:
        raise UsageError(
            "nothing is painted, so the whole picture may change; paint where it may, then export the mask"
        )
    return ExportedFile(MASK_FILE, png_bytes(mask_picture(state.strokes, size)))


def state_file(state: State) -> ExportedFile:
    """The state as JSON, which `restore` reads."""
    return ExportedFile(f"{edit_name(state)}.json", to_json(state.record()).encode())


def edited_result(state: State, edit: StateEdit) -> EditResult:
    """The result of all sliders, with the face in its record as the commands write it."""
    about = {"source": _source_record(state, edit)}
    editor = Editor(edit.face.models)
    with collect_warnings(PromptWarning):  # which the page shows, so the log of the server need not
        return editor.edit_together(edit.face.latent, edit.sliders, about=about, region=edit.region)


def edit_name(state: State) -> str:
    """The name of a file of a state, without its suffix: from the prompts of the rows that move, else of the face."""
    titles = [row_title(row) for row in state.rows if isinstance(row, Row) and row.on and row.strength != 0]
    return slug(" ".join(titles) or face_title(state.face))


def _row_name(state: State, row_id: str) -> str:
    return slug(row_title(_row(state, row_id)))


def _row(state: State, row_id: str) -> Row:
    for row in state.rows:
        if row.id == row_id and isinstance(row, Row):
            return row
    raise UsageError("the row is not there, or has a fault; choose another one")


def _source_record(state: State, edit: StateEdit) -> Mapping[str, Any]:
    """Where the face comes from, by names and hashes."""
    if not isinstance(state.face, PhotoFace):
        return {"seeds": [state.face.seed], "psi": state.face.psi}
    inversion = edit.face.inversion
    return {"image": file_name(state.face.name), "inversion": inversion and inversion.record()}
