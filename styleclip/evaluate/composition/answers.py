"""How a CLIP answers: which comparisons of pictures and captions come out right, and their shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from styleclip.evaluate.composition.questions import Question


@dataclass(frozen=True)
class Answer:
    """The answer to a question, from the cosines [pictures, captions].

    Args:
        question: the question.
        captions: for each picture, whether its caption is nearer than every other one; a tie is wrong, as in ARO.
        pictures: for each picture, whether it is nearer to its caption than every other one; none where it is alone.
    """

    question: Question
    captions: tuple[bool, ...]
    pictures: tuple[bool, ...]


def answer(question: Question, cosines: Tensor) -> Answer:
    """The answer by the cosines [pictures, captions] of a question."""
    count = len(question.pictures)
    captions = tuple(_is_largest(cosines[i], i) for i in range(count))
    return Answer(question, captions, tuple(_is_largest(cosines[:, i], i) for i in range(count)) if count > 1 else ())


@dataclass(frozen=True)
class Share:
    """Shares of right answers in a group of questions, NaN where nothing was compared.

    `captions` is the choice of a caption for a picture, `pictures` that of a picture for a caption, and `both` the
    share of the questions in which all comparisons are right (group score of Winoground, Thrush et al. 2022).
    """

    name: str
    questions: int
    captions: float
    pictures: float
    both: float
    captions_error: float  # standard error of `captions`, with questions as independent samples
    pictures_error: float


def share(name: str, answers: Sequence[Answer]) -> Share:
    """The shares of some answers."""
    captions = [_mean(each.captions) for each in answers]
    pictures = [_mean(each.pictures) for each in answers if each.pictures]
    both = [float(all(each.captions) and all(each.pictures)) for each in answers]
    errors = (_standard_error(captions), _standard_error(pictures))
    return Share(name, len(answers), _mean(captions), _mean(pictures), _mean(both), *errors)


def _is_largest(values: Tensor, index: int) -> bool:
    return bool((values[index] > values).sum() == len(values) - 1)


def _mean(values: Iterable[float]) -> float:
    numbers = [*values]
    return sum(numbers) / len(numbers) if numbers else math.nan


def _standard_error(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_mean((value - mean) ** 2 for value in values) / len(values)) if values else math.nan
