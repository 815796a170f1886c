"""The benchmark of mapper trainings: both sides compute the same, and ratios follow from the measurements."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.mapper import MapperVariant, markdown, ratio_rows, training_summary
from benchmarks.published_styleclip import PublishedTraining
from benchmarks.published_stylegan2 import render, trainable_copy
from benchmarks.timing import compare
from benchmarks.tools import PROMPT
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import training_latents
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.trainer import MapperTrainer
from tests.helpers.bench_runner import SMALL, restored_process, run_bench
from tests.helpers.tiny import TINY, tiny_generator

PROMPT = Prompt(PROMPT)
TRAINING = MapperTraining(batch_size=2, held_out=1, num_latents=8, levels=("coarse", "medium"), optimizer="ranger")


def small() -> tuple[Models, MapperTraining, Latent]:
    """Networks and latents for both."""
    models = replace(SMALL.models(256), generator=tiny_generator(replace(TINY, channels={**TINY.channels, 32: 3})))
    training = TRAINING.resolve(models)
    return models, training, training_latents(models, training, None)


def test_the_published_rendering_is_ours() -> None:
    generator = tiny_generator()
    ws = torch.randn(3, generator.num_ws, 8, generator=torch.Generator().manual_seed(0))
    expected = generator(Latent(Space.W_PLUS, ws))
    assert expected.std() > 0.1
    for published in (generator, trainable_copy(generator.freeze())):
        torch.testing.assert_close(render(published, ws), expected, rtol=1e-5, atol=1e-5)


def test_the_published_training_is_ours() -> None:
    """The same loss and the same gradient of the mapper; ours makes no other."""
    models, training, latent = small()
    trainer = MapperTrainer(models, [PROMPT], training, latent, ProcessGroup())
    ours = trainer.step(0)[0]["loss"]
    assert all(p.grad is None for p in models.generator.parameters())
    published = PublishedTraining(small()[0], PROMPT, training)
    assert published.step(latent.data[trainer.batches.at(0)]) == pytest.approx(ours, abs=1e-5)
    gradients = [[p.grad for p in each.network.parameters()] for each in (published.mapper, trainer.mappers[0])]
    assert all(p.grad is not None for p in published.models.clip.model.visual.parameters())
    for theirs, own in zip(*gradients, strict=True):
        assert own.abs().max() > 0
        torch.testing.assert_close(theirs, own, rtol=1e-3, atol=1e-3 * float(own.abs().max()))


@pytest.mark.usefixtures("fork_server")
def test_the_ratios_follow() -> None:
    variants = [MapperVariant(False, 2, SMALL), MapperVariant(True, 2, SMALL), MapperVariant(True, 16, SMALL)]
    with restored_process():
        results = ratio_rows(compare(variants, 1), {variant.name: variant.batch for variant in variants})
    ours = ["ours, batch 2", "ours, batch 16"]
    works = [(name, work) for name in ours for work in ("new pictures", "pictures seen before")]
    assert [(row["name"], row["work"]) for row in results] == [("published, batch 2", ""), *works]
    for row in results:
        assert row["rate"] == pytest.approx((16 if "16" in row["name"] else 2) / row["seconds"])
        assert 0 <= row["beyond"] < row["memory"]
        for kind in ("rate", "memory", "beyond"):
            assert row[f"{kind}_ratio"] == pytest.approx(row[kind] / results[0][kind])
    assert len(markdown(results).splitlines()) == 2 + 5
    assert training_summary(results).startswith("2,000 steps of 16 see each of 5,000 pictures 6.4 times, the first ")


@pytest.mark.usefixtures("fork_server")
def test_the_table() -> None:
    lines = run_bench("mapper").splitlines()
    assert ", 1 thread, torch " in lines[0] and ", commit " in lines[0] and lines[0].endswith("small networks")
    assert lines[4].startswith("| published, batch 2 | ")
    assert lines[6].startswith("| ours, batch 2, pictures seen before |")
    assert {line.count("|") for line in lines[2:7]} == {9} and len(lines) == 9
