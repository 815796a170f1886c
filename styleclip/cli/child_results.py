"""Results of `sliders`: the faces edited once, drawn by the generator itself and by its children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from styleclip.cli.face_job import FaceJob
from styleclip.images import png_bytes
from styleclip.results import EditResult
from styleclip.sheets import View, faces_sheet, thumbnails
from styleclip.storage.files import atomic_write

if TYPE_CHECKING:
    from styleclip.methods.sliders import Slider
    from styleclip.models import Models

SHEET = "children.png"


def edit_and_save(
    face: FaceJob, sliders: Sequence[Slider], names: Sequence[str], children: Sequence[Models]
) -> EditResult:
    """Edit with the models of the face, then with each child, and save the results in the folders `names`.

    With children, all are also drawn on a sheet. Returns the first result. Ctrl-C keeps what is complete.
    """
    result = face.editor.edit_together(face.latent, sliders, about=face.about)
    face.save(result, names[0])
    if result.interrupted:
        face.interrupted = "Interrupted; kept the sliders that were applied by then"
    before, views = thumbnails(result.before), [View(names[0], "", thumbnails(result.after))]
    try:
        for name, child in zip(names[1:], children if not result.interrupted else (), strict=False):
            drawn = face.editor_of(child).edit_together(face.latent, sliders, about=face.about)
            face.save(drawn, name)
            views.append(View(name, "", thumbnails(drawn.after)))
    except KeyboardInterrupt:
        face.interrupted = f"Interrupted; kept {len(views)} of {len(names)} results"
    if len(views) > 1:
        sheet = faces_sheet(before, views, face.source.names)
        png = png_bytes(
            sheet, face.recording.of_picture({"results": face.kept, "views": [view.alpha for view in views]}, SHEET)
        )
        face.paths.append(atomic_write(face.folder / SHEET, png))
    return result
