"""The pictures of a held-out evaluation: samples by their seeds, or inverted photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import PhotoError, UsageError
from styleclip.evaluate.left_out import REFUSALS, LeftOut, nothing_left
from styleclip.inversion.invert import Invert
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.storage.recording import InputFile


def seed_source(models: Models, seeds: Sequence[int]) -> EditSource:
    """The samples of some seeds, to be edited."""
    latent = Editor(models).sample(seeds=tuple(seeds))
    return EditSource(models, latent, [f"seed {seed}" for seed in seeds], {"seeds": list(seeds)})


def photo_sources(
    models: Models, photos: Sequence[Path], how: Invert | None = None, on_step: OnStep = ignore
) -> tuple[list[EditSource], list[LeftOut]]:
    """The largest face of every photo, inverted: each is compared with its own reconstruction. A step is a photo.

    Photos that cannot be inverted, such as those without a face, are left out. Raises PhotoError where none is left,
    and UsageError for two photos of one name.
    """
    names = [photo.name for photo in photos]
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two photos are called {twice!r}; a report tells them apart by name, so rename one")
    editor, sources, left_out = Editor(models), list[EditSource](), list[LeftOut]()
    for number, photo in enumerate(photos, start=1):
        try:
            inversion = editor.invert(photo, how)
        except REFUSALS as error:
            left_out.append(LeftOut(str(error), image=photo.name))
        else:
            about = {"image": InputFile(photo), "inversion": inversion.record()}
            sources.append(EditSource(inversion.models, inversion.latent, [photo.name], about, inversion.tuning))
        on_step(Step(number, len(photos), stage="photos"))
    if left_out and not sources:
        raise PhotoError(nothing_left(left_out))
    return sources, left_out
