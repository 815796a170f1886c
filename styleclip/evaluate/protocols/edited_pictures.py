"""The pictures of a protocol, edited by an editor of ours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from styleclip.edit_source import EditSource
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.evaluate.held_out.editors import MeasuredEditor, prompt_for
from styleclip.images import png_bytes, to_pil
from styleclip.inversion.invert import Invert
from styleclip.models import Models
from styleclip.photo_editing import edit_photo
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.results import EditResult
from styleclip.storage.files import atomic_write


def edit_pictures(
    models: Models,
    pictures: Mapping[int, Path],
    editor: MeasuredEditor,
    prompt: Prompt,
    folder: Path,
    how: Invert | None = None,
    on_step: OnStep = ignore,
) -> tuple[dict[int, Path], dict[str, Any]]:
    """Invert and edit pictures one by one; gives the files of the edits by number, and how they were made.

    Args:
        models: the editor's.
        pictures: by their numbers, aligned as those of CelebA-HQ are.
        editor: raises UsageError where it has no method for the prompt.
        prompt: what they shall show.
        folder: gets NUMBER.png.
        how: of the inversion; by default the whole picture by the encoder of the generator.
        on_step: a step is a picture.
    """
    method = editor.of(prompt)
    if method is None:
        raise UsageError(f"{editor.label} has nothing for {prompt.target!r}; pass another prompt")
    wanted = prompt_for(method, models, replace(prompt, force=True))

    def edit(source: EditSource) -> Iterator[tuple[str, EditResult]]:
        yield "", Editor(source.models).edit(source.latent, wanted, method)

    how = how or Invert(align=False)
    paths: dict[int, Path] = {}
    started = time.perf_counter()
    for done, (number, picture) in enumerate(pictures.items(), start=1):
        [face] = edit_photo(models, picture, edit, how, paste=False).faces
        content = png_bytes(to_pil(face.results[""].after)[0])
        paths[number] = atomic_write(folder / f"{number}.png", content)
        on_step(Step(done, len(pictures), stage="edits"))
    seconds = (time.perf_counter() - started) / len(pictures)
    about = {"editor": editor.settings(models), "prompt": wanted.target, "neutral": wanted.neutral}
    return paths, {**about, "seconds": seconds, "device": str(models.device), "models": models.provenance}
