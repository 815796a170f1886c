"""Measure what a CLIP understands of composition, on renders of the demo world."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.evaluate.composition.answers import answer
from styleclip.evaluate.composition.questions import ask
from styleclip.evaluate.composition.renders import clear_questions, picture_features
from styleclip.evaluate.composition.report import CompositionReport
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.prompt_words import unknown_words

TEXT_BATCH = 128
SEEDS = range(7000, 7200)  # of the faces; no training, no setting and no other measurement uses them


@torch.no_grad()
def measure_composition(clip: CLIP, seeds: Sequence[int] = SEEDS, on_step: OnStep = ignore) -> CompositionReport:
    """The shares of right answers to the questions about the faces of these seeds.

    Args:
        clip: a CLIP of `styleclip.load_clip` or `styleclip.load`.
        seeds: of the faces; each has seven questions, some of which fall away because its states would not be clear.
        on_step: a step is a batch of renders.

    Example:
        table = measure_composition(styleclip.load_clip("ViT-B-32-quickgelu/openai")).table()

    Raises UsageError where no question is left.
    """
    questions = clear_questions(ask(seeds))
    if not questions:
        raise UsageError("no face of these seeds can show what the questions ask for; pass more seeds")
    pictures = {each: i for i, each in enumerate(dict.fromkeys(p for q in questions for p in q.pictures))}
    captions = {each: i for i, each in enumerate(dict.fromkeys(c for q in questions for c in q.captions))}
    seen = picture_features(clip, [*pictures], on_step)
    cosines = seen @ _text_features(clip, [*captions]).T
    answers = [
        answer(each, cosines[[pictures[p] for p in each.pictures]][:, [captions[c] for c in each.captions]])
        for each in questions
    ]
    return CompositionReport(clip.name, tuple(seeds), tuple(answers), tuple(unknown_words(clip, [*captions])))


def _text_features(clip: CLIP, texts: Sequence[str]) -> Tensor:
    """Unit features [N, D] of many texts, TEXT_BATCH at a time."""
    parts = (texts[start : start + TEXT_BATCH] for start in range(0, len(texts), TEXT_BATCH))
    return torch.cat([clip.encode_text(part).cpu() for part in parts])
