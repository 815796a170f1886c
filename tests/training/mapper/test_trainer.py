"""Steps and validation of mappers: what is trained, how well, and when it stops."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent, Space
from styleclip.methods.mapper import TrainedMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.networks.generator import Generator
from styleclip.networks.latent_mapper import STEP
from styleclip.prompts import Prompt
from styleclip.training.mapper.data import split_held_out, training_latents
from styleclip.training.mapper.mapper_state import PromptMapper
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.train import TrainingWarning
from tests.helpers.mapper_training import FEW, OLD, RED, flat_parameters, read_metrics, train_few, trained_step
from tests.helpers.tiny import tiny_models


def held_out_latents(models: Models, training: MapperTraining) -> Latent:
    """The four of 24 latents that nothing is learned from."""
    return training_latents(models, training.resolve(models), None)[split_held_out(24, training)[1]]


@torch.no_grad()
def clip_loss(models: Models, source: Latent, mapper: TrainedMapper | None = None) -> float:
    """The mean of 1 - cosine between pictures and the text for red hair, as they are or as a mapper edits them."""
    step = mapper.direction(source).data if mapper else 0.0
    cosines = models.clip_features(Latent(source.space, source.data + step)) @ models.clip.encode_text([RED.target])[0]
    return 1 - cosines.mean().item()


def test_only_the_mapper_learns(tmp_path: Path) -> None:
    models = tiny_models()
    modules: list[Any] = [models.generator, models.clip, models.identity]
    before = [copy.deepcopy(module.state_dict()) for module in modules]
    train_few(tmp_path, models, prompts=(RED, OLD))
    assert all(parameter.grad is None for module in modules for parameter in module.parameters())
    for module, state in zip(modules, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())


def test_source_features_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rounds of five batches and three looks at four latents: 24 latents as they are, 60 and 12 edited ones."""
    models, rendered, texts = tiny_models(), Counter[bool](), Counter[str]()
    forward, tokens = Generator.forward, CLIP._tokens

    def render(self: Generator, latent: Latent, *rest: Any, **more: Any) -> Tensor:
        rendered[torch.is_grad_enabled()] += len(latent)
        return forward(self, latent, *rest, **more)

    def tokenize(self: CLIP, new: list[str]) -> Tensor:
        texts.update(new)
        return tokens(self, new)

    monkeypatch.setattr(Generator, "forward", render)
    monkeypatch.setattr(CLIP, "_tokens", tokenize)
    train_few(tmp_path, models, replace(FEW, steps=15, evaluate_every=5))
    assert rendered == {True: 60, False: 24 + 12}
    assert texts == {RED.target: 1, "a face": 1}


def test_identity_is_not_run_at_weight_zero(tmp_path: Path) -> None:
    class Unused:
        def embed(self, image: Tensor) -> Tensor:
            raise AssertionError("the recogniser ran")

    train_few(tmp_path, tiny_models(identity=Unused()), replace(FEW, lambda_id=0.0))
    assert all("identity" not in row for row in read_metrics(tmp_path))


@pytest.mark.parametrize(
    ("optimizer", "space", "lr"),
    [("adam", "w+", 5.0), ("adam", "s", 5.0), ("ranger", "w+", 100.0), ("ranger", "s", 1e3)],
)
def test_the_loss_falls_on_latents_never_seen(tmp_path: Path, space: Any, optimizer: Any, lr: float) -> None:
    """From that of the untouched pictures, whose step is none and whose identity is whole. Ranger warms up slowly."""
    models = tiny_models()
    training = replace(FEW, space=space, optimizer=optimizer, lr=lr, steps=24, evaluate_every=12, lambda_l2=0.001)
    [mapper] = train_few(tmp_path, models, training)
    held_out = [row for row in read_metrics(tmp_path) if row["split"] == "held-out"]
    source = held_out_latents(models, training)
    untouched = clip_loss(models, source)
    scores = mapper.about["scores"]
    assert scores["loss"] < untouched - 0.01 and scores["target"] > scores["target_before"]
    best = min(held_out, key=lambda row: row["loss"])
    assert mapper.about["best_step"] == best["step"] and scores["loss"] == pytest.approx(best["loss"], abs=1e-4)
    assert clip_loss(models, source, mapper) == pytest.approx(scores["clip"], abs=1e-4)


def test_the_optimizers_differ(tmp_path: Path) -> None:
    one, other = (
        flat_parameters(train_few(tmp_path / name, tiny_models(), replace(FEW, optimizer=name, steps=4))[0])
        for name in ("adam", "ranger")
    )
    assert (one - other).abs().max() > 0.01


def test_the_best_is_written_not_the_last(tmp_path: Path) -> None:
    """A rate at which the mapper soon runs into the weight of its own steps."""
    models, training = tiny_models(), replace(FEW, lr=60.0, lambda_l2=0.1, steps=12, evaluate_every=1)
    [mapper] = train_few(tmp_path, models, training)
    held_out = [row for row in read_metrics(tmp_path) if row["split"] == "held-out"]
    losses = [row["loss"] for row in held_out]
    best = losses.index(min(losses))
    assert mapper.about["best_step"] == best + 1 < len(losses) and losses[-1] > min(losses) + 0.01
    found = clip_loss(
        models, held_out_latents(models, training), load_trained_mapper(tmp_path / "0.safetensors", models)
    )
    assert found == pytest.approx(held_out[best]["clip"], abs=1e-4)


def test_the_learning_rate_rises_and_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is lost at rate 0."""
    rates: list[float] = []
    update = PromptMapper.update

    def watched(self: PromptMapper, lr: float) -> None:
        update(self, lr)
        rates.append(self.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(PromptMapper, "update", watched)
    train_few(tmp_path, tiny_models(), replace(FEW, steps=20))
    assert rates[0] == pytest.approx(2.5) and rates[1:15] == [5.0] * 14
    assert sorted(rates[14:], reverse=True) == rates[14:] and 0 < rates[-1] < 0.5


def test_it_stops_where_nothing_moves(tmp_path: Path) -> None:
    steps: list[int] = []
    with pytest.warns(TrainingWarning, match="nothing moves: after 4 steps CLIP sees hardly more of 'a face with red"):
        train_few(
            tmp_path,
            tiny_models(),
            replace(FEW, space="s", lr=1e-9, steps=40, evaluate_every=1, patience=3),
            on_step=lambda learned: steps.append(learned.index),
        )
    assert steps == [1, 2, 3, 4], "the first look is the best, three more bring nothing"


def test_mappers_stop_independently(tmp_path: Path) -> None:
    training = replace(FEW, steps=20, evaluate_every=2, patience=2, lambda_l2=0.8)
    plain = Prompt("a old face")
    with pytest.warns(TrainingWarning):
        both = train_few(tmp_path / "both", tiny_models(), training, (RED, plain))
    steps = {mapper.prompt: 0 for mapper in both}
    for row in read_metrics(tmp_path / "both"):
        steps[RED if row["prompt"] == RED.target else plain] = row["step"]
    assert len(set(steps.values())) == 2


@pytest.mark.parametrize("micro_batch", [1, 3])
def test_micro_batches_add_up_to_the_batch(tmp_path: Path, micro_batch: int) -> None:
    """Sums in another order: Adam turns a rounding error in a gradient near 0 into a part of a step, hence 1e-3."""
    [whole] = train_few(tmp_path / "whole", tiny_models())
    [pieces] = train_few(tmp_path / "pieces", tiny_models(), micro_batch=micro_batch)
    assert (flat_parameters(whole) - flat_parameters(pieces)).abs().max() < 1e-3 * flat_parameters(whole).abs().max()


# --- which part of a latent moves


def test_levels_left_out_stay(tmp_path: Path) -> None:
    """The tiny generator has six vectors: four coarse, two medium, none fine."""
    _, step = trained_step(tiny_models(), replace(FEW, levels=("medium",)), tmp_path)
    assert not step[:, :4].any() and step[:, 4:].abs().amax(dim=(0, 2)).min() > 0.01


def test_one_network_for_all_vectors(tmp_path: Path) -> None:
    [mapper] = train_few(tmp_path, tiny_models(), replace(FEW, levels=("all",)))
    equal = torch.ones(1, 6, 8)
    step = mapper.direction(Latent(Space.W_PLUS, equal)).data
    torch.testing.assert_close(step, step[:, :1].expand_as(step))
    assert step.abs().max() > 0.001


@pytest.mark.parametrize("torgb", [False, True])
def test_torgb_moves_only_when_asked(tmp_path: Path, torgb: bool) -> None:
    models = tiny_models()
    source, step = trained_step(models, replace(FEW, space="s", torgb=torgb), tmp_path)
    mask = models.generator.layout.torgb_mask()
    assert source.space is Space.S and step[:, ~mask].abs().amax(dim=0).min() > 0
    assert (step[:, mask].abs().amax(dim=0) > 0).all() if torgb else not step[:, mask].any()


# --- settings


# --- losses


# --- latents


@pytest.mark.parametrize("steps", [1, 4])
def test_a_loss_that_is_not_finite(tmp_path: Path, steps: int) -> None:
    """Also where no step is left to notice it: the look at what was learned does."""
    with pytest.raises(NumericError, match=r"the loss is not finite at step \d; lower --lr, or use --dtype float32"):
        train_few(tmp_path, tiny_models(), replace(FEW, lr=1e30, steps=steps))
    assert not (tmp_path / "0.safetensors").exists()


def test_a_mapper_is_one_tenth_of_its_network(tmp_path: Path) -> None:
    models = tiny_models()
    source, step = trained_step(models, FEW, tmp_path)
    [mapper] = train_few(tmp_path / "again", models)
    with torch.no_grad():
        torch.testing.assert_close(step, 0.1 * mapper.network(source.data))
    assert STEP == 0.1
