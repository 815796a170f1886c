"""The linear probe: the minimum of its loss, the choice of C, the split of examples, and the demo CLIP's features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import styleclip
from styleclip.classification.examples import check_examples, find_examples, split_examples
from styleclip.classification.linear_probe import STRENGTHS, choose_strength, fit_linear_probe, stratified_folds
from styleclip.classification.probe import fit_probe, measure_accuracy
from styleclip.demo.render import render
from styleclip.demo.world import faces, with_state
from styleclip.errors import UsageError
from styleclip.images import to_pil


def clusters(count: int, spread: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit features around three centres, and their labels."""
    source = torch.Generator().manual_seed(seed)
    centres = torch.randn(3, 8, generator=torch.Generator().manual_seed(5))
    labels = torch.arange(3).repeat_interleave(count)
    return F.normalize(centres[labels] + spread * torch.randn(3 * count, 8, generator=source), dim=1), labels


@pytest.mark.parametrize("strength", [0.1, 10.0, 1000.0])
def test_the_loss_is_at_its_minimum(strength: float) -> None:
    """The gradient of C * sum(cross entropy) + |W|^2 / 2 is zero, and the residuals of every class sum to zero."""
    features, labels = clusters(20, spread=1.0)
    probe = fit_linear_probe(features, labels, strength)
    residual = probe.probabilities(features) - F.one_hot(labels)
    gradient = strength * residual.T @ features.double() + probe.weight
    assert gradient.abs().max() < 1e-4 * strength and residual.sum(dim=0).abs().max() < 1e-4


def test_probabilities_sum_to_one_and_separate_clusters() -> None:
    features, labels = clusters(20, spread=0.1)
    probe = fit_linear_probe(features, labels, 1000.0)
    others, truth = clusters(20, spread=0.1, seed=1)
    found = probe.probabilities(others)
    assert torch.equal(found.argmax(dim=1), truth) and torch.allclose(found.sum(dim=1), torch.ones(60).double())


def test_the_strength_is_larger_where_the_classes_are_clear() -> None:
    chosen = [choose_strength(*clusters(9, spread), STRENGTHS[1::3]) for spread in (0.2, 2.5)]
    assert {*chosen} <= {*STRENGTHS} and chosen[0] > chosen[1]


def test_folds_have_every_class() -> None:
    labels = torch.tensor([0] * 7 + [1] * 3)
    folds = stratified_folds(labels)
    assert folds is not None and folds.bincount().tolist() == [4, 3, 3]
    assert all((folds[labels == label].bincount(minlength=3) > 0).all() for label in (0, 1))
    assert stratified_folds(torch.tensor([0, 0, 1])) is None


def test_the_split_is_by_class_and_seed() -> None:
    labels = torch.tensor([0] * 8 + [1] * 4)
    for shots, counts in ((None, [6, 3]), (3, [3, 3]), (1, [1, 1])):
        assert labels[split_examples(labels, shots, seed=0)].bincount().tolist() == counts
    assert torch.equal(split_examples(labels, 3, 4), split_examples(labels, 3, 4))
    assert any(not torch.equal(split_examples(labels, 3, 0), split_examples(labels, 3, seed)) for seed in (1, 2))
    with pytest.raises(UsageError, match="too few for 4 shots"):
        split_examples(labels, 4, 0)


def test_accuracy_and_balanced_accuracy() -> None:
    found = measure_accuracy(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]))
    assert (found.pictures, found.accuracy, found.balanced) == (4, 0.75, 0.5)


def test_the_demo_clip_on_folders_of_renders(tmp_path: Path) -> None:
    z = torch.randn(8, 64, generator=torch.Generator().manual_seed(2))
    for state, name in (("no", "a_face_without_a_hat"), ("yes", "a_face_wearing_a_hat")):
        (tmp_path / name).mkdir()
        for i, picture in enumerate(to_pil(render(faces(with_state(z, "hat", state))))):
            picture.save(tmp_path / name / f"{i}.png")
    steps: list[int] = []
    probe = fit_probe(
        styleclip.load_clip("demo"), find_examples(tmp_path), shots=4, on_step=lambda s: steps.append(s.index)
    )
    assert probe.classes == ("a face wearing a hat", "a face without a hat") and probe.learned == (4, 4)
    assert steps == [*range(1, 17)] and probe.probe.pictures == 8
    assert probe.probe.balanced > 0.8 and probe.zero_shot.balanced == 1
    by_probe, by_texts = probe.classify(render(faces(with_state(z[:2], "hat", "yes"))))
    assert by_probe.predictions == by_texts.predictions == ["a face wearing a hat"] * 2
    assert not torch.equal(by_probe.probabilities, by_texts.probabilities)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [({"a": 3}, "a probe needs two classes or more; make"), ({"a": 3, "b": 1}, "'b' has a single example")],
)
def test_too_few_examples(counts: dict[str, int], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        check_examples({name: ["x.png"] * count for name, count in counts.items()})
