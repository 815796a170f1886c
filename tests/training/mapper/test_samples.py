"""Mappers with a goal and a prior from samples: their losses, the warm start, records, and resumption to the bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import styleclip
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.stylespace.class_means import sample_goal
from styleclip.stylespace.statistics import whitening_basis
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import SourceBatch, SourceCache, training_latents
from styleclip.training.mapper.losses import MapperLosses
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.trainer import MapperTrainer
from tests.helpers.mapper_training import FEW, StopAfter, train_few, training_files

STANDSTILL = pytest.mark.filterwarnings("ignore::styleclip.training.mapper.train.TrainingWarning")
SAMPLES = replace(FEW, goal="samples", prior="samples", samples=60, strength=1.2)
RED, OLD = Prompt("a face with red hair"), Prompt("an old face")


@pytest.fixture(scope="module")
def models(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """With as many samples as these tests ask for: those of other tests may be more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLECLIP_HOME", str(tmp_path_factory.mktemp("cache")))
        yield styleclip.load(str(files[0]), clip=files[1], identity="none")


def losses_and_source(models: Models, training: MapperTraining, prompts: list[Prompt]) -> tuple[Any, SourceBatch]:
    training = training.resolve(models)
    losses = MapperLosses(models, prompts, training)
    cache = SourceCache(models, training_latents(models, training, None), losses.resolution, bool(training.lambda_id))
    return losses, cache.at(torch.tensor([3, 0, 7]))


def samples_step(models: Models, source: SourceBatch, prompt: Prompt, training: MapperTraining) -> torch.Tensor:
    """dX of the prompt for every face, of the shape of its latent."""
    space = Space.S if training.space == "s" else Space.W
    goal = sample_goal(models, prompt, space, training.strength, training.samples)
    step = goal.step(source.clip_features)[1]
    return step if space is Space.S else step[:, None].expand_as(source.latent.data)


@pytest.mark.parametrize("space", ["w+", "s"])
def test_the_losses_are_those_of_optimize(models: Models, space: Any) -> None:
    training = replace(SAMPLES, space=space, torgb=True, lambda_id=0.0, lambda_l2=0.3)
    losses, source = losses_and_source(models, training, [RED, OLD])
    steps = torch.randn(2, *source.latent.data.shape, generator=torch.Generator().manual_seed(0))
    found = losses(source, steps, [0, 1])
    basis = whitening_basis(models.generator, source.latent.space)
    for i, prompt in enumerate((RED, OLD)):
        goal = sample_goal(models, prompt, Space.S if space == "s" else Space.W, 1.2, 60)
        image = models.generator(Latent(source.latent.space, source.latent.data + steps[i]), resolution=16)
        features = models.clip.encode_image(image)
        clip = 1 - similarity(features, goal.target(source.clip_features))
        difference = steps[i] - samples_step(models, source, prompt, training)
        squares = basis.coordinates(difference).square().sum(dim=-1)
        l2 = squares if space == "s" else squares.mean(dim=1)
        torch.testing.assert_close(found["clip"][i], clip, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found["l2"][i], l2, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(found["loss"][i], clip + 0.3 * l2, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(found["target"][i], goal.shown(features), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("space", ["w+", "s"])
def test_the_loss_is_lower_at_the_step_of_the_samples(models: Models, space: Any) -> None:
    training = replace(SAMPLES, space=space, torgb=True, lambda_id=0.0)
    losses, source = losses_and_source(models, training, [RED])
    there = samples_step(models, source, RED, training)
    at_prior, at_source = (losses(source, step[None], [0]) for step in (there, torch.zeros_like(there)))
    assert at_prior["l2"].max() < 1e-3 < 1 < at_source["l2"].max()
    assert at_prior["clip"].mean() < 0.3 * at_source["clip"].mean()
    assert at_prior["target"].mean() > at_source["target"].mean()


def test_torgb_is_not_missed_where_it_stays(models: Models) -> None:
    training = replace(SAMPLES, space="s", lambda_id=0.0)
    losses, source = losses_and_source(models, training, [RED])
    step = samples_step(models, source, RED, training) * ~models.generator.layout.torgb_mask()
    assert losses(source, step[None], [0])["l2"].max() < 1e-3


def test_a_strong_prior_gives_the_step_of_the_samples(models: Models, tmp_path: Path) -> None:
    training = replace(SAMPLES, space="s", torgb=True, lambda_id=0.0, lambda_l2=1000.0, lr=5.0, steps=80)
    training = replace(training, evaluate_every=80)
    _, source = losses_and_source(models, training, [RED])
    lacking = source.latent[:1]
    [mapper] = train_few(tmp_path, models, training, (RED,), lacking)
    step = mapper.direction(lacking).data
    there = samples_step(models, source, RED, training)[:1]
    assert (step - there).norm() < 0.1 * there.norm()


def test_a_warm_start_comes_close_to_the_step_of_the_samples(models: Models) -> None:
    training = replace(SAMPLES, space="s", torgb=True, lambda_id=0.0, warm_start=60).resolve(models)
    latent = training_latents(models, training, None)
    trainer = MapperTrainer(models, [RED, OLD], training, latent, ProcessGroup())
    source, steps = trainer.sources.at(torch.arange(20)), list[Step]()

    def loss() -> torch.Tensor:
        found = [mapper.step(source.latent.data) for mapper in trainer.mappers]
        return trainer.losses(source, torch.stack(found), [0, 1])["l2"].mean(dim=1)

    with torch.no_grad():
        before = loss()
        with torch.enable_grad():
            trainer.warm_start(steps.append)
        after = loss()
    assert (after < 0.85 * before).all()
    assert [(step.index, step.total, step.stage) for step in steps[::119]] == [
        (1, 120, "warm start"),
        (120, 120, "warm start"),
    ]


@STANDSTILL
def test_the_record(models: Models, tmp_path: Path) -> None:
    prompts = (Prompt("an old face with red hair"), RED)
    old, red = (mapper.about for mapper in train_few(tmp_path, models, SAMPLES, prompts))
    expected = {"goal": "samples", "prior": "samples", "strength": 1.2, "samples": 60, "warm_start": 0}
    assert {name: old[name] for name in expected} == expected
    assert [claim["phrase"] for claim in old["claims"]] == [
        claim.phrase for claim in prompts[0].claims(models.clip.vocabulary)
    ]
    assert red["claims"] != old["claims"]


def test_published_settings_record_nothing_of_samples(models: Models, tmp_path: Path) -> None:
    [mapper] = train_few(tmp_path, models)
    added = {"goal", "prior", "strength", "samples", "warm_start", "claims"}
    assert not added & mapper.about.keys()
    assert (asdict(FEW).keys() - added) <= mapper.about.keys()


@STANDSTILL
def test_resuming_ends_in_the_same_bits(
    models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]
) -> None:
    training, prompts = replace(SAMPLES, warm_start=5), (RED, OLD)
    train_few(tmp_path / "whole", models, training, prompts)
    expected = training_files(tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole")
    for after in (1, 7):
        interrupt_training(training, prompts, after=after)
        watch = StopAfter()
        train_few(tmp_path, models, training, prompts, resume=True, on_step=watch)
        assert watch.steps == list(range(after + 1, 9))
        assert training_files(tmp_path) == expected
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_levels_choose_w_plus(models: Models) -> None:
    suited = replace(models, defaults={"train-mapper": {"space": "s", "torgb": True}})
    assert MapperTraining().resolve(suited).space == "s" and MapperTraining().resolve(suited).levels is None
    chosen = MapperTraining(levels=("coarse",)).resolve(suited)
    assert (chosen.space, chosen.levels) == ("w+", ("coarse",))
    assert MapperTraining(space="w+").resolve(suited).levels == ("coarse", "medium", "fine")
