"""The bench of mapper trainings: it compares equal numbers, and its ratios follow from what it measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from scripts.bench import main
from scripts.bench_mapper import PROMPT, load
from scripts.published import Published, render
from styleclip.latents import Latent, Space
from styleclip.models.bundle import Models
from styleclip.training.learners import Learners
from styleclip.training.settings import MapperTraining
from styleclip.training.sources import latents_to_learn
from styleclip.training.workers import Workers
from tests.support import done
from tests.tiny import TINY, tiny_generator

TRAINING = MapperTraining(batch_size=2, held_out=1, num_latents=8, levels=("coarse", "medium"), optimizer="ranger")


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def small() -> tuple[Models, MapperTraining, Latent]:
    """Networks and latents for both."""
    models = load("small", torch.device("cpu"), torch.float32)
    models = replace(models, generator=tiny_generator(replace(TINY, channels={**TINY.channels, 32: 3})))
    training = TRAINING.settled(models)
    return models, training, latents_to_learn(models, training, None)


def test_the_published_rendering_is_ours() -> None:
    generator = tiny_generator()
    ws = torch.randn(3, generator.num_ws, 8, generator=torch.Generator().manual_seed(0))
    expected = generator(Latent(Space.W_PLUS, ws))
    assert expected.std() > 0.1
    torch.testing.assert_close(render(generator, ws), expected, rtol=1e-5, atol=1e-5)


def test_the_published_training_is_ours() -> None:
    """The same loss and the same gradient of the mapper; ours makes no other."""
    models, training, latent = small()
    learners = Learners(models, [PROMPT], training, latent, Workers())
    ours = learners.step(0)[0]["loss"]
    assert all(p.grad is None for p in models.generator.parameters())
    published = Published(small()[0], PROMPT, training)
    assert published.step(latent.data[learners.batches.at(0)]) == pytest.approx(ours, abs=1e-5)
    gradients = [[p.grad for p in each.network.parameters()] for each in (published.student, learners.students[0])]
    assert all(p.grad is not None for p in published.models.clip.model.visual.parameters())
    for theirs, own in zip(*gradients, strict=True):
        assert own.abs().max() > 0
        torch.testing.assert_close(theirs, own, rtol=1e-3, atol=1e-3 * float(own.abs().max()))


def test_the_ratios_follow() -> None:
    words = ["mapper", "--networks", "small", "--device", "cpu", "--steps", "1", "--threads", "1"]
    told = json.loads(done(CliRunner().invoke(main, [*words, "--json"])).stdout)
    ours = ["ours, batch 2 in parts of 1", "ours, batch 16 in parts of 1"]
    names = [f"{each}, {which}" for each in ours for which in ("new pictures", "pictures seen before")]
    assert [row["step"] for row in told["results"]] == ["published, batch 2", *names]
    first = told["results"][0]
    for row in told["results"]:
        assert row["rate"] == pytest.approx((16 if "16" in row["step"] else 2) / row["seconds"])
        assert 0 <= row["beyond"] < row["memory"]
        for kind in ("rate", "memory", "beyond"):
            assert row[f"{kind}_ratio"] == pytest.approx(row[kind] / first[kind])


def test_the_table() -> None:
    words = ["mapper", "--networks", "small", "--device", "cpu", "--quick", "--threads", "1"]
    lines = done(CliRunner().invoke(main, words)).stdout.splitlines()
    assert lines[0].startswith("CPU, 1 threads, torch ") and len(lines) == 9
    assert lines[4].startswith("| published, batch 2 | ")
    assert lines[6].startswith("| ours, batch 2 in parts of 1, pictures seen before |")
    assert {line.count("|") for line in lines[2:7]} == {9}
    assert lines[8].startswith("2,000 steps of 16 see each of 5,000 pictures 6.4 times, the first time new; ")
