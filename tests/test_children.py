"""A child of the demo: what was made for its parent works in it, and amount 0 is the parent to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import styleclip
from styleclip import Editor, GlobalDirection, Prompt
from styleclip.errors import UsageError, WeightError
from styleclip.images import to_pil
from styleclip.inversion.generator_delta import load_tuning, save_tuning
from styleclip.inversion.invert import Invert
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.stylespace.samples import models_samples
from styleclip.weights.child_files import save_child
from styleclip.weights.load import fingerprint
from tests.helpers.children import save_grey_child

PROMPT = Prompt("a face with red hair")


@pytest.fixture(scope="module")
def parent(demo: Models) -> Models:
    return demo


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, parent: Models) -> Path:
    return save_grey_child(tmp_path_factory.mktemp("child") / "grey.safetensors", parent)


@pytest.fixture(scope="module")
def child(path: Path) -> Models:
    return styleclip.load(str(path))


def is_grey(image: torch.Tensor) -> bool:
    return bool((image - image.mean(dim=1, keepdim=True)).abs().max() < 1e-4)


def test_it_has_the_parts_of_its_parent(child: Models, parent: Models) -> None:
    assert child.clip.name == parent.clip.name and child.defaults == parent.defaults
    assert child.encoder() is not None and child.identity is not None
    relevance, own = child.relevance(), parent.relevance()
    assert relevance is not None and own is not None and torch.equal(relevance.delta_i, own.delta_i)


def test_the_latents_of_its_parent_in_its_style(child: Models, parent: Models) -> None:
    latent = Editor(parent).sample(seed=3)
    assert torch.equal(latent.data, Editor(child).sample(seed=3).data)
    assert is_grey(child.render(latent)) and not is_grey(parent.render(latent))


def test_amount_0_is_the_parent_to_the_bit(path: Path, parent: Models) -> None:
    same = styleclip.load(str(path), amount=0)
    assert same.generator_fingerprint == parent.generator_fingerprint == fingerprint(same.generator)
    assert same.parent() is None
    edits = [Editor(models).edit(Editor(models).sample(seed=5), PROMPT, GlobalDirection()) for models in (same, parent)]
    assert torch.equal(edits[0].after, edits[1].after) and edits[0].scores == edits[1].scores


def test_a_child_of_a_child(child: Models, parent: Models, tmp_path: Path) -> None:
    """Its parent is a mixture, and what fits that fits it as well."""
    half = child.at_amount(0.5)
    path = save_child(child.generator, half.generator, tmp_path / "second.safetensors", half.provenance["generator"])
    second = styleclip.load(str(path), amount=0.5)
    assert second.accepts(half.generator_fingerprint) and second.accepts(parent.generator_fingerprint)
    assert second.first_fingerprint == parent.generator_fingerprint and not half.accepts(second.generator_fingerprint)
    first = second.at_amount(0)
    assert first.generator_fingerprint == half.generator_fingerprint and first.parent() is None
    assert fingerprint(first.generator) == fingerprint(half.generator)
    assert second.samples() is not None and second.encoder() is not None and second.clip.name == parent.clip.name


def test_the_record_tells_amount_layers_and_parent(child: Models, parent: Models) -> None:
    record = child.at_amount(0.25, (3, 0, 1)).provenance["generator"]
    assert (record["amount"], record["parent_layers"]) == (0.25, "0-1,3")
    assert record["parent"] == parent.provenance["generator"]
    assert record["name"] == "grey.safetensors" and record["child"] == child.generator_fingerprint
    assert record["network"] not in (child.generator_fingerprint, parent.generator_fingerprint)


def test_a_direction_of_the_parent_at_every_amount(child: Models, parent: Models, tmp_path: Path) -> None:
    found = GlobalDirection().find(parent, PROMPT)
    file = styleclip.save_direction(found, parent, tmp_path / "red.safetensors")
    for amount in (0, 0.5, 1):
        models = child.at_amount(amount)
        direction = styleclip.load_direction(file, models)
        result = Editor(models).edit_together(Editor(models).sample(seed=3), [Slider(direction, 1.0)])
        assert not torch.equal(result.before, result.after)
        assert result.provenance["generator"]["amount"] == amount


def test_directions_of_the_child(child: Models, parent: Models, tmp_path: Path) -> None:
    """They fit the child at every amount, and not the parent by itself."""
    file = styleclip.save_direction(GlobalDirection().find(child, PROMPT), child, tmp_path / "red.safetensors")
    assert all(styleclip.load_direction(file, child.at_amount(amount)) for amount in (0, 0.5, 1))
    with pytest.raises(WeightError, match="found for another generator; pass that one with --model"):
        styleclip.load_direction(file, parent)


def test_the_samples_are_those_of_the_parent(child: Models) -> None:
    """Missing ones are drawn by it, as those of the child look otherwise."""
    parent = child.parent()
    assert parent is not None and child.samples() is parent.samples()
    count = len(models_samples(parent, 1)) + 3
    more = models_samples(child, count)
    assert len(more) >= count and more.about["generator"] == parent.generator_fingerprint


def test_a_photo_is_inverted_by_the_parent_and_drawn_by_the_child(
    child: Models, parent: Models, tmp_path: Path
) -> None:
    how = Invert(align=False)
    photo = to_pil(parent.render(Editor(parent).sample(seed=7)))[0]
    [found], [own] = how(child, photo), how(parent, photo)
    assert torch.equal(found.latent.data, own.latent.data) and torch.equal(found.image, own.image)
    assert is_grey(found.models.render(found.latent))
    [tuned] = Invert(align=False, tune=PivotalTuning(steps=2))(child, photo)
    [own] = Invert(align=False, tune=PivotalTuning(steps=2))(parent, photo)
    assert torch.equal(tuned.image, own.image)
    assert tuned.tuning is not None and not torch.equal(
        tuned.models.render(tuned.latent), found.models.render(found.latent)
    )
    file = save_tuning(tuned.tuning, tmp_path / "me.tuning.safetensors")
    assert load_tuning(file, child).network == parent.generator_fingerprint
    with pytest.raises(UsageError, match="is tuned; choose the amount first"):
        tuned.models.at_amount(0.5)


def test_a_generator_that_was_not_adapted_has_no_amount(parent: Models) -> None:
    assert parent.parent() is None
    with pytest.raises(UsageError, match="was not adapted from another one, so it has no amount"):
        parent.at_amount(0.5)
    with pytest.raises(WeightError, match="leave out --amount and --parent-layers"):
        styleclip.load("demo", amount=0.5)


def test_a_file_without_a_weight_of_its_parent_is_refused(path: Path, tmp_path: Path) -> None:
    with safe_open(path, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    del tensors[next(name for name in tensors if name.startswith("parent."))]
    damaged = tmp_path / "damaged.safetensors"
    save_file(tensors, damaged, metadata)
    with pytest.raises(
        WeightError, match=r"damaged.safetensors lacks weights of its parent.*adapt the generator again"
    ):
        styleclip.load(str(damaged))
