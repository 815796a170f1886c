"""The faces that are sketched: latents, or faces of photos, and their pictures along sliders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from styleclip.alignment.photos import Photo
from styleclip.canvases.sketching.edges import EDGES_PX
from styleclip.canvases.sketching.subject import face_region
from styleclip.edit_source import EditSource
from styleclip.images import from_pil
from styleclip.inversion.invert import Invert, framing_of
from styleclip.latents import Latent, Space
from styleclip.methods.slider_edit import SliderEdit, edit_by_sliders
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.storage.recording import InputFile


@dataclass(frozen=True, eq=False)
class Subject:
    """One face to sketch.

    Args:
        models: whose generator draws it, and whose CLIP judges.
        name: of its folder; "" for the only one.
        picture: [1, 1..4, H, W] in [-1, 1].
        region: the face in the picture, `face_region`; None where all of it is sketched.
        about: where it comes from, for the record.
        latent: what draws it, where sliders shall move it.
        note: a remark for the user.
    """

    models: Models
    name: str
    picture: Tensor
    region: Tensor | None
    about: Mapping[str, Any]
    latent: Latent | None = None
    note: str = ""

    def along(
        self, sliders: Sequence[Slider], shares: Sequence[float], on_step: OnStep = ignore
    ) -> tuple[list[Tensor], SliderEdit]:
        """Its pictures with these shares of an edit by sliders, and the edit."""
        assert self.latent is not None
        edit = edit_by_sliders(self.models, self.latent, sliders, on_step)
        before = self.models.generator.to_space(self.latent, Space.S)
        pictures = [
            self.models.render(Latent(Space.S, torch.lerp(before.data, edit.edited.data, share))) for share in shares
        ]
        return pictures, edit


def latent_subjects(source: EditSource, whole: bool) -> Iterator[Subject]:
    """A subject for each latent; `whole` keeps the background."""
    region = _region(source.models, whole)
    names = [name.replace(" ", "_") for name in source.names] if len(source.latent) > 1 else [""]
    for row, name in enumerate(names):
        latent = source.latent[torch.tensor([row])]
        picture = source.models.render(latent)
        yield Subject(source.models, name, picture, region, {**source.about, "row": row}, latent)


def photo_subjects(
    models: Models, photo: Photo, how: Invert, whole: bool, inverted: bool, on_step: OnStep = ignore
) -> Iterator[Subject]:
    """A subject for each face of a photo that `how` means; `inverted` where sliders shall move them.

    Raises what `Invert` raises.
    """
    whole = whole or how.align is False
    if inverted:
        for number, (name, inversion) in enumerate(how.faces(models, photo, on_step)):
            own, note = inversion.models, inversion.aligned.note
            found = {"image": _name(photo), "number": number, "inversion": inversion.record()}
            yield Subject(own, name, inversion.image, _region(own, whole), found, inversion.latent, note)
        return
    frames = how.frames(models, photo)
    told = {"image": _name(photo), "photo_sha256": photo.sha256, "alignment": how.alignment_record()}
    for number, aligned in enumerate(frames, start=1):
        about = {**told, "number": number - 1}
        name = f"face_{number}" if len(frames) > 1 else ""
        yield Subject(models, name, from_pil([aligned.frame]), _region(models, whole), about, None, aligned.note)


def _name(photo: Photo) -> InputFile | None:
    return InputFile(photo.path) if photo.path else None


def _region(models: Models, whole: bool) -> Tensor | None:
    framing = framing_of(models)
    return None if whole or framing is None else face_region(framing, EDGES_PX)
