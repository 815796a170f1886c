"""Batch size: a pixel budget on a CPU, half of the free memory on a GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from styleclip.networks import batch_size as module
from styleclip.networks.batch_size import COMPARE, GRADIENT, RENDER, TRAIN, Workload, max_batch
from styleclip.networks.stylegan2 import StyleGAN2Config
from tests.helpers.tiny import TINY, tiny_generator

CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
FULL = StyleGAN2Config(512, 512, (512,) * 8, CHANNELS)


@pytest.mark.parametrize(
    ("work", "sizes"),
    [
        (RENDER, {64: 1024, 512: 16, 1024: 4, 4096: 1}),
        (COMPARE, {64: 32, 1024: 8}),
        (GRADIENT, {64: 32, 1024: 2}),
        (TRAIN, {64: 16, 256: 1, 1024: 1}),
    ],
)
def test_on_a_cpu(work: Workload, sizes: dict[int, int]) -> None:
    assert {side: work.on_cpu((side, side)) for side in sizes} == sizes
    assert max_batch(tiny_generator(), work) == work.on_cpu((16, 16))
    assert max_batch(tiny_generator(), work, 8) == work.on_cpu((8, 8))


def on_gpu(
    config: StyleGAN2Config,
    gigabytes: float,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype = torch.float32,
) -> Any:
    """What `max_batch` gives of a generator on a GPU with so much free memory."""
    monkeypatch.setattr(module, "free_bytes", lambda device: int(gigabytes * 1e9))
    w_avg = SimpleNamespace(device=torch.device("cuda"))
    return SimpleNamespace(config=config, resolution=config.resolution, w_avg=w_avg, precision=dtype)


@pytest.mark.parametrize(
    ("gigabytes", "looks", "learns", "at_256"), [(75, 32, 8, 32), (22, 8, 2, 8), (7, 4, 1, 4), (0.1, 1, 1, 1)]
)
def test_on_a_gpu_as_many_as_fit(
    gigabytes: float, looks: int, learns: int, at_256: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = on_gpu(FULL, gigabytes, monkeypatch)
    found = max_batch(generator, RENDER), max_batch(generator, TRAIN), max_batch(generator, TRAIN, 256)
    assert found == (looks, learns, at_256)


def test_never_more_than_a_gpu_can_do_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max_batch(on_gpu(TINY, 75, monkeypatch), RENDER) == module.MAX_BATCH


def test_half_the_precision_is_half_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max_batch(on_gpu(FULL, 22, monkeypatch, torch.bfloat16), RENDER) == 2 * max_batch(
        on_gpu(FULL, 22, monkeypatch), RENDER
    )
