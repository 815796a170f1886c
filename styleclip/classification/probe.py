"""A linear probe beside zero-shot classification: fitted on some examples, both measured on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from styleclip.classification.examples import Examples, check_examples, split_examples
from styleclip.classification.linear_probe import LinearProbe, choose_strength, fit_linear_probe
from styleclip.classification.pictures import Pictures, SeenPictures, see_pictures
from styleclip.classification.texts import check_templates, check_texts
from styleclip.classification.zero_shot import Scores, zero_shot
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompt_lint import warn_prompts
from styleclip.prompts import TEMPLATES, encode_in_templates


@dataclass(frozen=True)
class Accuracy:
    """Of pictures that the probe did not learn from: how many are right, and the mean of that over the classes."""

    pictures: int
    accuracy: float
    balanced: float


@dataclass(frozen=True)
class Probe:
    """A linear probe and its measures.

    Args:
        clip: the CLIP whose features it reads.
        classes: their names, which are the texts of the zero-shot classification.
        linear: the regression.
        learned: the number of examples of each class that it learned from.
        probe, zero_shot: the accuracies of both on the other examples.
        templates: of the zero-shot classification.
    """

    clip: CLIP
    classes: tuple[str, ...]
    linear: LinearProbe
    learned: tuple[int, ...]
    probe: Accuracy
    zero_shot: Accuracy
    templates: tuple[str, ...]

    def classify(self, pictures: Pictures | SeenPictures, on_step: OnStep = ignore) -> tuple[Scores, Scores]:
        """The probabilities of the classes by the probe, and by zero-shot classification."""
        seen = pictures if isinstance(pictures, SeenPictures) else see_pictures(self.clip, pictures, on_step)
        by_texts = zero_shot(self.clip, seen, self.classes, self.templates)
        return replace(by_texts, probabilities=self.linear.probabilities(seen.features).float()), by_texts

    def record(self) -> dict[str, Any]:
        """The measures, for a result.json."""
        return {
            "classes": dict(zip(self.classes, self.learned, strict=True)),
            "strength": self.linear.strength,
            "held_out": self.probe.pictures,
            "probe": {"accuracy": self.probe.accuracy, "balanced": self.probe.balanced},
            "zero_shot": {"accuracy": self.zero_shot.accuracy, "balanced": self.zero_shot.balanced},
        }


@torch.no_grad()
def fit_probe(
    clip: CLIP,
    examples: Examples,
    shots: int | None = None,
    seed: int = 0,
    templates: Sequence[str] = TEMPLATES,
    on_step: OnStep = ignore,
) -> Probe:
    """Fit a linear probe on some examples of each class, and measure it and zero-shot classification on the others.

    Args:
        clip: a CLIP of `styleclip.load_clip` or `styleclip.load`.
        examples: pictures by the name of their class, as of `find_examples`.
        shots: how many of each class it learns from; None for three quarters. Its C is chosen among these alone.
        seed: which ones.
        templates: of the zero-shot classification, whose texts are the names.
        on_step: a step is a picture.

    Example:
        probe = fit_probe(styleclip.load_clip(), find_examples(Path("examples")), shots=16)
        probe.probe.balanced, probe.zero_shot.balanced
    """
    check_examples(examples)
    classes, templates = check_texts([*examples]), check_templates(templates)
    warn_prompts(clip, classes)
    features, labels = _see(clip, examples, on_step)
    learns = split_examples(labels, shots, seed)
    known, right = features[learns], labels[learns]
    linear = fit_linear_probe(known, right, choose_strength(known, right))
    others, truth = features[~learns], labels[~learns]
    texts = encode_in_templates(clip, classes, templates).cpu()
    return Probe(
        clip,
        classes,
        linear,
        tuple(right.bincount(minlength=len(classes)).tolist()),
        measure_accuracy(linear.probabilities(others).argmax(dim=1), truth),
        measure_accuracy((others @ texts.T).argmax(dim=1), truth),
        templates,
    )


def measure_accuracy(answers: Tensor, truth: Tensor) -> Accuracy:
    """The accuracy of answers [N] to a truth [N] of classes from 0."""
    right = (answers == truth).double()
    shares = [right[truth == label].mean() for label in truth.unique()]
    return Accuracy(len(truth), right.mean().item(), torch.stack(shares).mean().item())


def _see(clip: CLIP, examples: Examples, on_step: OnStep) -> tuple[Tensor, Tensor]:
    """The features [N, D] and the labels [N] of all examples."""
    total = sum(map(len, examples.values()))
    features: list[Tensor] = []
    labels: list[int] = []
    for label, pictures in enumerate(examples.values()):
        features.append(see_pictures(clip, [*pictures], _steps_after(len(labels), total, on_step)).features)
        labels += [label] * len(pictures)
    return torch.cat(features).cpu(), torch.tensor(labels)


def _steps_after(before: int, total: int, on_step: OnStep) -> OnStep:
    """The steps of a part of the pictures as steps of all."""
    return lambda step: on_step(Step(before + step.index, total))
