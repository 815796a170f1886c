"""`Editor`: sample, render, invert and edit with one set of models."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from styleclip.alignment.photos import PhotoLike
from styleclip.edit_scores import edit_scores
from styleclip.edit_source import EditSource
from styleclip.errors import NumericError, UsageError
from styleclip.inversion.invert import Invert
from styleclip.inversion.result import Inversion
from styleclip.latents import Latent, Space
from styleclip.methods.base import Method, MethodWithDetails
from styleclip.methods.best_step import BestStep
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.prompt_check import check_method_prompt
from styleclip.methods.slider_edit import edit_by_sliders
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.networks.machine import machine_record
from styleclip.networks.synthesis import Noise
from styleclip.photo_editing import PhotoEdit, edit_photo
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.regions import Region
from styleclip.results import EditResult
from styleclip.runtime.gradients import float32_default, with_gradients
from styleclip.runtime.image_by_image import image_by_image
from styleclip.seeds import sample_z
from styleclip.storage.files import versions


class Editor:
    """Samples latents, renders, inverts and edits them; everything on the device of the models.

    Args:
        models: what `styleclip.load` returns.

    Example:
        editor = Editor(styleclip.load("demo"))
        result = editor.edit(editor.sample(seed=3), "a face with red hair", Optimize())
        result.save("red_hair")
    """

    def __init__(self, models: Models) -> None:
        self.models = models

    @image_by_image()
    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def sample(self, seed: int | None = None, seeds: Sequence[int] = (0,), psi: float = 1.0) -> Latent:
        """W+ of one seed or several; a seed gives the same latent on every machine and in every batch.

        `psi` below 1 pulls towards the average face (truncation, StyleGAN appendix B).
        """
        generator = self.models.generator
        z = sample_z(seeds if seed is None else (seed,), generator.config.z_dim)
        latent = Latent(Space.Z, z.to(self.models.device))
        return generator.to_space(generator.truncate(latent, psi), Space.W_PLUS)

    @image_by_image()
    def render(self, latent: Latent, noise: Noise = "const") -> Tensor:
        """Images [N, img_channels, H, W], nominally in [-1, 1]."""
        return self.models.render(latent.to(self.models.device), noise)

    def invert(self, photo: PhotoLike, how: Invert | None = None, on_step: OnStep = ignore) -> Inversion:
        """The latent that draws the largest face of a photo, or an aligned crop; `how` says which face, and how well.

        `editor.edit(inversion.latent, ...)` edits it; where the generator was tuned, `Editor(inversion.models)` does.
        Raises PhotoError, NoFaceError, and UsageError where `how` means several faces (`Invert` itself gives them all).
        """
        how = how or Invert()
        if how.face == "all":
            raise UsageError("this gives one face; call Invert(face='all') with the models and the photo for all")
        [inversion] = how(self.models, photo, on_step)
        return inversion

    @image_by_image()
    @with_gradients
    def edit(
        self,
        latent: Latent,
        prompt: Prompt | str,
        method: Method,
        on_step: OnStep = ignore,
        about: Mapping[str, Any] | None = None,
        region: Region | None = None,
    ) -> EditResult:
        """Edit a latent towards a text. Ctrl-C on the way keeps the best latent so far (`result.interrupted`).

        `about` is added to the provenance of the result. `region` says where the picture may change: `after` has the
        bits of `before` elsewhere, while the latent is that of the whole edit. Raises UsageError for texts that CLIP
        cannot read or whose words a small one does not know, unless the prompt is forced, NumericError for a picture
        with NaN in it, and KeyboardInterrupt at Ctrl-C before the first step.
        """
        prompt = Prompt(prompt) if isinstance(prompt, str) else prompt
        if isinstance(method, LatentDirection):
            raise UsageError(f"{method.name!r} needs no text; pass it to edit_together as Slider(direction, alpha)")
        if region is not None:
            region.check_size(self.models.generator.image_size)
        check_method_prompt(self.models, prompt, method)
        source = latent.to(self.models.device)
        details = method.details if isinstance(method, MethodWithDetails) else {}
        best, started, interrupted = BestStep(on_step), time.perf_counter(), False
        try:
            if isinstance(method, MethodWithDetails):
                edited, details = method.edit_with_details(self.models, source, prompt, best)
            else:
                edited = method(self.models, source, prompt, best)
        except KeyboardInterrupt:
            kept = best.latent_to_keep()
            if kept is None:
                raise
            edited, interrupted = kept, True
        seconds = time.perf_counter() - started
        return self._result(
            source,
            edited,
            [prompt],
            about,
            region,
            prompt=prompt.target,
            force=prompt.force,
            method=method.name,
            settings=method.settings(self.models),
            seconds=seconds,
            interrupted=interrupted,
            details=[details] if details else [],
            unchanged=self._unchanged(source, edited) if best.loss < float("inf") else (),
        )

    @image_by_image()
    @with_gradients
    def edit_together(
        self,
        latent: Latent,
        sliders: Sequence[Slider],
        on_step: OnStep = ignore,
        about: Mapping[str, Any] | None = None,
        region: Region | None = None,
    ) -> EditResult:
        """Add several edits up in S, each found for `latent`: in any order of the sliders the same, to the bit.

        Without a slider, or with every strength 0, the result is the source. Scores are means over the texts. Ctrl-C
        keeps the sliders that were found by then. Else as `edit`.
        """
        if region is not None:
            region.check_size(self.models.generator.image_size)
        source = latent.to(self.models.device)
        started = time.perf_counter()
        edit = edit_by_sliders(self.models, source, sliders, on_step)
        seconds = time.perf_counter() - started
        return self._result(
            source,
            edit.edited,
            edit.prompts,
            about,
            region,
            prompt=" + ".join(edit.names),
            method="sliders",
            settings={"sliders": edit.settings},
            seconds=seconds,
            interrupted=edit.interrupted,
            details=edit.details,
            steps=edit.steps,
        )

    def edit_photo(
        self,
        photo: PhotoLike,
        prompt: Prompt | str,
        method: Method,
        how: Invert | None = None,
        on_step: OnStep = ignore,
        region: Region | None = None,
    ) -> PhotoEdit:
        """Edit the faces of a photo that `how` means, the largest by default, and paste them back where they were.

        `region` lies in the frame of every face. `PhotoEdit.save` writes photo.png, the results and the inversions.
        Raises as `edit` and `Invert` do.
        """

        def edit(source: EditSource) -> Iterator[tuple[str, EditResult]]:
            editor, about = Editor(source.models), {"source": source.about}
            yield "", editor.edit(source.latent, prompt, method, on_step, about, region)

        return edit_photo(self.models, photo, edit, how, on_step=on_step)

    def _result(
        self,
        source: Latent,
        edited: Latent,
        prompts: Sequence[Prompt],
        about: Mapping[str, Any] | None,
        region: Region | None,
        **record: Any,
    ) -> EditResult:
        """Render and score an edit. Raises NumericError for a picture that is not finite."""
        before, after = self.models.render(source), self.models.render(edited)
        if not after.isfinite().all():
            raise NumericError("the edited picture is not finite; lower the strength of the edit")
        if region is not None:
            after = region.composite(before, after)
            about = {**(about or {}), "region": region.record()}
        return EditResult(
            neutral=_neutral(prompts),
            before=before,
            after=after,
            source=source,
            edited=edited,
            scores=edit_scores(self.models, before, after, prompts),
            provenance={"versions": versions(), "machine": machine_record(), **self.models.provenance, **(about or {})},
            region=region,
            **record,
        )

    @torch.no_grad()
    def _unchanged(self, source: Latent, edited: Latent) -> list[bool]:
        """Whether each image kept its source."""
        same = self.models.generator.to_space(source, edited.space).data == edited.data
        return same.flatten(1).all(dim=1).tolist()


def _neutral(prompts: Sequence[Prompt]) -> str | tuple[str, ...] | None:
    """The neutral of a record: that of the prompt, or one text for each of several."""
    if len(prompts) == 1:
        return prompts[0].recorded_neutral
    return tuple(" / ".join(prompt.neutrals) for prompt in prompts) or None
