"""CUDA graphs of rendering, CLIP, relevance and training, on a stand-in for CUDA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleclip.latents import Latent, Space
from styleclip.runtime import cuda_graphs
from styleclip.runtime.cuda_graphs import WARM_UP_CALLS
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.statistics import sample_styles, style_statistics
from tests.helpers.fake_cuda_graph import Tape, tape
from tests.helpers.mapper_training import FEW, OLD, RED, train_few
from tests.helpers.tiny import tiny_models

__all__ = ["tape"]  # a fixture


def test_pictures_and_looks(tape: type[Tape]) -> None:
    models = tiny_models()
    latents = [
        Latent(Space.W, torch.randn(3, 8, generator=torch.Generator().manual_seed(i))) for i in range(WARM_UP_CALLS + 3)
    ]
    for latent in latents:
        plain = models.generator(latent)
        assert torch.equal(models.render(latent), plain)
        assert torch.equal(models.render(latent, "none"), models.generator(latent, "none"))
        assert torch.equal(models.clip_features(latent), models.clip.encode_image(plain))
        assert not torch.equal(models.render(latent, "random"), models.render(latent, "random"))
    assert tape.recorded == 3


def test_another_generator_has_its_own(tape: type[Tape]) -> None:
    models, latent = tiny_models(), Latent(Space.W, torch.ones(1, 8))
    for _ in range(WARM_UP_CALLS + 1):
        models.render(latent)
    generator = tiny_models().generator
    generator.synthesis.b16.torgb.bias.add_(1.0)
    assert torch.equal(replace(models, generator=generator).render(latent), generator(latent))


def test_relevance(tape: type[Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows, whatever the layer, from graphs that know nothing of the picture they were recorded with."""
    models = tiny_models()
    statistics, styles = (
        style_statistics(models.generator, 50),
        sample_styles(models.generator, WARM_UP_CALLS + 4),
    )
    channels = torch.cat([torch.arange(entry.start, entry.start + 2) for entry in models.generator.layout.entries])
    replayed = list(measure(models, statistics, styles, channels))
    assert tape.recorded == len(replayed) == len(models.generator.layout.entries)
    monkeypatch.setattr(cuda_graphs, "can_record", lambda tensors: False)
    for found, expected in zip(replayed, measure(models, statistics, styles, channels), strict=True):
        assert torch.equal(found.delta_i, expected.delta_i) and torch.equal(found.effect, expected.effect)


def test_training(tape: type[Tape], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prompts, batches and looks of four latents: what is learned is the same to the last bit."""
    training = replace(FEW, steps=2 * WARM_UP_CALLS)
    replayed = train_few(tmp_path / "replayed", tiny_models(), training, (RED, OLD))
    assert (tape.recorded, tape.played) == (1, 1 + WARM_UP_CALLS)
    monkeypatch.setattr(cuda_graphs, "can_record", lambda tensors: False)
    plain = train_few(tmp_path / "plain", tiny_models(), training, (RED, OLD))
    for found, expected in zip(replayed, plain, strict=True):
        pairs = zip(found.network.parameters(), expected.network.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)
