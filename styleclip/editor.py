"""`Editor`: sample, render, invert and edit with one set of models."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from styleclip.alignment.photos import PhotoLike
from styleclip.errors import NumericError, UsageError
from styleclip.inversion.invert import Invert
from styleclip.inversion.result import Inversion
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.methods.base import Method, MethodWithDetails, reads_claims
from styleclip.models import Models
from styleclip.networks.synthesis import Noise
from styleclip.photo_editing import EditSource, PhotoEdit, edit_photo
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompt_words import warn_unknown_words
from styleclip.prompts import Prompt, encode
from styleclip.regions import Region
from styleclip.results import EditResult
from styleclip.runtime.gradients import float32_default, with_gradients
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
        bits of `before` elsewhere, while the latent is that of the whole edit. Raises NumericError for a picture with
        NaN in it, and KeyboardInterrupt at Ctrl-C before the first step.
        """
        prompt = Prompt(prompt) if isinstance(prompt, str) else prompt
        return self.edit_in_turn(latent, [(prompt, method)], on_step, about, region)

    @with_gradients
    def edit_in_turn(
        self,
        latent: Latent,
        edits: Sequence[tuple[Prompt, Method]],
        on_step: OnStep = ignore,
        about: Mapping[str, Any] | None = None,
        region: Region | None = None,
    ) -> EditResult:
        """Several edits, each of the result of the one before; scores are means over the texts. Else as `edit`."""
        if region is not None:
            region.check_size(self.models.generator.image_size)
        for prompt, method in edits:
            self.models.clip.check_lengths((prompt.target, *prompt.neutrals))
            if not reads_claims(method, self.models):
                warn_unknown_words(self.models.clip, (prompt.target, *prompt.neutrals))
        source = edited = latent.to(self.models.device)
        details = [method.details if isinstance(method, MethodWithDetails) else {} for _, method in edits]
        steps: list[Latent] = []
        started, interrupted, minimised = time.perf_counter(), False, False
        for i, (prompt, method) in enumerate(edits):
            best = _Best(on_step)
            try:
                if isinstance(method, MethodWithDetails):
                    edited, details[i] = method.edit_with_details(self.models, edited, prompt, best)
                else:
                    edited = method(self.models, edited, prompt, best)
            except KeyboardInterrupt:
                kept = best.latent_to_keep()
                if kept is None and not steps:
                    raise
                edited, interrupted = kept or edited, True
                break
            finally:
                minimised |= best.loss < float("inf")
            steps.append(edited)
        seconds = time.perf_counter() - started
        before, after = self.render(source), self.render(edited)
        if not after.isfinite().all():
            raise NumericError("the edited picture is not finite; lower the strength of the edit")
        if region is not None:
            after = region.composite(before, after)
            about = {**(about or {}), "region": region.record()}
        prompts = [prompt for prompt, _ in edits]
        settings = [method.settings(self.models) for _, method in edits]
        return EditResult(
            prompt=" + ".join(prompt.target for prompt in prompts),
            neutral=_neutral(prompts),
            method=edits[0][1].name,
            settings=settings[0] if len(settings) == 1 else {"edits": settings},
            before=before,
            after=after,
            source=source,
            edited=edited,
            scores=self._scores(before, after, prompts),
            seconds=seconds,
            provenance={"versions": versions(), **self.models.provenance, **(about or {})},
            interrupted=interrupted,
            details=details if any(details) else [],
            steps=steps,
            unchanged=self._unchanged(source, edited) if minimised else (),
            region=region,
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

    @torch.no_grad()
    def _unchanged(self, source: Latent, edited: Latent) -> list[bool]:
        """Whether each image kept its source."""
        same = self.models.generator.to_space(source, edited.space).data == edited.data
        return same.flatten(1).all(dim=1).tolist()

    @torch.no_grad()
    def _scores(self, before: Tensor, after: Tensor, prompts: Sequence[Prompt]) -> list[dict[str, float]]:
        """For every image: cosine with the texts before and after, and how much of the person is left."""
        clip, identity = self.models.clip, self.models.identity
        texts = encode(clip, [prompt.target for prompt in prompts])
        scores = {
            f"clip_{name}": (clip.encode_image(x) @ texts.T).mean(dim=1)
            for name, x in (("before", before), ("after", after))
        }
        if identity is not None:
            scores["identity"] = similarity(identity.embed(before), identity.embed(after))
        return [{name: round(values[i].item(), 4) for name, values in scores.items()} for i in range(len(before))]


def sample_z(seeds: Sequence[int], size: int) -> Tensor:
    """z [N, size]: of each seed, on every machine and in every batch, the same. Raises UsageError."""
    numbers = [_seed_number(seed) for seed in seeds]
    return torch.stack([_normal(size, number) for number in numbers])


def _normal(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def _seed_number(seed: int) -> int:
    """The seed as torch takes it, also of a whole number of numpy. Raises UsageError."""
    if isinstance(seed, SupportsIndex) and -(2**63) <= (number := operator.index(seed)) < 2**63:
        return number
    raise UsageError(f"the seed is {str(seed)[:40]}; it must be a whole number of at most 63 bits")


class _Best:
    """Passes steps on and keeps the latent of the one with the lowest loss, of the last one where none has a loss."""

    def __init__(self, on_step: OnStep) -> None:
        self.on_step, self.loss = on_step, float("inf")
        self.latent: Latent | None = None
        self.kept: Callable[[], Latent] | None = None

    def __call__(self, step: Step) -> None:
        loss = step.values.get("loss")
        if loss is None:
            self.latent = step.latent
        elif loss < self.loss:
            self.loss, self.latent = loss, step.latent
        self.kept = step.kept
        self.on_step(step)

    def latent_to_keep(self) -> Latent | None:
        """The latent that is kept when the edit ends here; None before there is one."""
        return self.latent if self.kept is None else self.kept()


def _neutral(prompts: Sequence[Prompt]) -> str | tuple[str, ...]:
    """The neutral of a record: that of the prompt, or one text for each of several."""
    first, *others = prompts
    return tuple(" / ".join(prompt.neutrals) for prompt in prompts) if others else first.recorded_neutral
