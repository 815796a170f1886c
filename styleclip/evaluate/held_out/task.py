"""A prompt as the judges measure it: its claims, texts, and the region where it may change a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from styleclip.evaluate.held_out.judges import Judges
from styleclip.evaluate.held_out.measurements import MeasuredPrompt
from styleclip.evaluate.held_out.region import prompt_region
from styleclip.evaluate.held_out.unedited import Unedited
from styleclip.models import Models
from styleclip.prompt_words import unknown_words
from styleclip.prompts import Prompt, encode
from styleclip.stylespace.claim_classes import ClaimClasses, claim_classes


@dataclass(frozen=True, eq=False)
class Task:
    """What the edits of a prompt are measured by.

    Args:
        prompt: the prompt.
        classes: of each claim the zero-shot classes.
        target: [D], the unit feature of the target text.
        direction: [D], unit, from the neutral texts to the target.
        neutral: the neutral texts.
        region: [H, W] bool, where the prompt may change the picture.
    """

    prompt: Prompt
    classes: Sequence[ClaimClasses]
    target: Tensor
    direction: Tensor
    neutral: tuple[str, ...]
    region: Tensor

    @staticmethod
    def of(models: Models, judges: Judges, unedited: Unedited, prompt: Prompt) -> Task:
        classes = claim_classes(replace(models, clip=judges.clip), prompt, unedited.samples, "prompt")
        targets, neutral = _texts(judges, prompt, classes)
        target, start = (F.normalize(encode(judges.clip, each).mean(dim=0), dim=-1) for each in (targets, neutral))
        region = prompt_region(classes, unedited, models.generator.image_size).to(models.device)
        return Task(prompt, classes, target, F.normalize(target - start, dim=-1), neutral, region)

    @property
    def claimed(self) -> list[str]:
        """The attributes that the prompt is about, by their titles."""
        return [each.claim.attribute for each in self.classes if each.claim.attribute is not None]

    def is_shown(self, features: Tensor) -> Tensor:
        """[N] bool: whether the most probable class of every claim is a target, by unit features [N, D]."""
        shown = [each.probabilities(features).argmax(dim=1) < each.targets for each in self.classes]
        return torch.stack(shown).all(dim=0)

    def record(self, images: Sequence[str]) -> MeasuredPrompt:
        """With the names of the sources that lack a claim."""
        claims = [
            {"targets": [*each.texts[: each.targets]], "others": [*each.texts[each.targets :]]} for each in self.classes
        ]
        return MeasuredPrompt(
            self.prompt.target, self.neutral, claims, images, round(self.region.float().mean().item(), 4)
        )


def _texts(judges: Judges, prompt: Prompt, classes: Sequence[ClaimClasses]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The target texts: the prompt where the CLIP knows its words, else those of its claims. And the neutral texts."""
    given = not unknown_words(judges.clip, [prompt.target])
    targets = (prompt.target,) if given else tuple(text for each in classes for text in each.texts[: each.targets])
    others = tuple(text for each in classes if each.edges is None for text in each.texts[each.targets :])
    return targets, prompt.neutrals if prompt.neutral is not None or not others else others
