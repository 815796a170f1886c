"""Render a slider at its strengths, and measure the pictures for `slider_quality`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.evaluate.curves.slider_quality import SliderRun
from styleclip.evaluate.held_out.judges import Judges
from styleclip.evaluate.pixels import difference
from styleclip.images import to_rgb
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.methods.sliders import Slider, add_steps, step_in_s
from styleclip.models import Models
from styleclip.prompts import encode

MIN_STRENGTHS = 3


@torch.no_grad()
def measure_slider(
    models: Models,
    judges: Judges,
    slider: Slider,
    text: str,
    latent: Latent,
    images: Sequence[str],
    strengths: Sequence[float],
) -> list[SliderRun]:
    """A run for every latent.

    Scores are cosines with the text by the held-out CLIP, identities cosines by the held-out recogniser, 1 where there
    is none, and distances between neighbouring strengths are mean absolute differences of pixels in 1/255.

    Args:
        models: the slider's.
        judges: what measures.
        slider: its own strength is not used.
        text: what the slider moves towards.
        latent: of N faces.
        images: their names.
        strengths: in rising order, 0 among them.

    Raises UsageError for other strengths.
    """
    if len(strengths) < MIN_STRENGTHS or 0 not in strengths or list(strengths) != sorted(set(strengths)):
        raise UsageError(f"the strengths are {list(strengths)}; pass at least {MIN_STRENGTHS} in rising order with 0")
    source = models.generator.to_space(latent.to(models.device), Space.S)
    found = slider.find(models)
    step = step_in_s(models, found, source)
    before = _pictures(models, source)
    after = [_pictures(models, add_steps(source, [(strength, step)])) for strength in strengths]
    edited = add_steps(source, [(strengths[-1], step)])
    refound = step_in_s(models, found, edited)
    same, other = (_pictures(models, add_steps(edited, [(-strengths[-1], each)])) for each in (step, refound))
    target = torch.nn.functional.normalize(encode(judges.clip, (text,)).mean(dim=0), dim=-1)
    scores = torch.stack([judges.clip.encode_image(each) @ target for each in after], dim=1)
    identities = torch.stack([_identity(judges, before, each) for each in after], dim=1)
    distances = torch.stack([_change(one, other) for one, other in zip(after, after[1:], strict=False)], dim=1)
    errors = torch.stack([_change(each, before) for each in (after[list(strengths).index(0)], same, other)], dim=1)
    return [
        SliderRun(
            name,
            tuple(strengths),
            scores[row].tolist(),
            identities[row].tolist(),
            distances[row].tolist(),
            *errors[row].tolist(),
        )
        for row, name in enumerate(images)
    ]


def _pictures(models: Models, latent: Latent) -> Tensor:
    """[N, 3, H, W] in [-1, 1]."""
    return to_rgb(models.render(latent).float().clamp(-1, 1))


def _identity(judges: Judges, before: Tensor, after: Tensor) -> Tensor:
    if judges.identity is None:
        return torch.ones(len(before))
    return similarity(judges.identity.embed(before), judges.identity.embed(after)).cpu()


def _change(one: Tensor, other: Tensor) -> Tensor:
    """[N]: mean absolute difference in 1/255."""
    return difference(one, other).flatten(1).mean(dim=1).cpu()
