"""Batches that are halved on out-of-memory, and settings of memory: each row once, and in order."""

from __future__ import annotations

import ctypes
import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from styleclip.cli import main
from styleclip.errors import NoMemoryError
from styleclip.latents import Latent, Space
from styleclip.networks.stylegan2 import StyleGAN2Synthesis
from styleclip.runtime import cuda_graphs
from styleclip.runtime.batching import Batches, free_bytes, is_out_of_memory
from styleclip.runtime.devices import keep_memory
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.gradient_relevance import gradient_effects, gradient_relevance
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.statistics import sample_styles, style_statistics
from styleclip.stylespace.table_preparation import Preparation
from tests.helpers.mapper_training import OLD, RED, train_few
from tests.helpers.support import failed
from tests.helpers.tiny import tiny_models

GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you ...")
CUBLAS = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
Limit = Callable[[int], list[int]]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Memory for so many pictures; returns the numbers that are asked for, layer by layer."""
    step, asked = StyleGAN2Synthesis.step, []

    def to(most: int) -> list[int]:
        def short(self: StyleGAN2Synthesis, entry: Any, state: Any, styles: dict[str, Tensor], noise: Any) -> Any:
            asked.append(len(styles[entry.name]))
            if asked[-1] > most:
                raise GPU
            return step(self, entry, state, styles, noise)

        monkeypatch.setattr(StyleGAN2Synthesis, "step", short)
        return asked

    return to


@pytest.fixture(autouse=True, scope="module")
def freeze() -> Iterator[None]:
    """A failure for want of memory collects garbage, which takes half a second in what all tests have imported."""
    gc.freeze()
    yield
    gc.unfreeze()


# --- Batches


@pytest.mark.parametrize("error", [GPU, CPU, CUBLAS])
@pytest.mark.parametrize(("size", "most"), [(16, 16), (16, 5), (7, 1), (100, 6), (1, 1), (5, 3)])
def test_each_is_done_once_and_in_order(size: int, most: int, error: Exception) -> None:
    done: list[int] = []

    def work(rows: range) -> list[int]:
        if len(rows) > most:
            raise error
        done.extend(rows)
        return list(rows)

    parts = Batches(size)
    results = list(parts(work, range(23)))
    assert done == [row for part in results for row in part] == list(range(23))
    assert parts.size <= size and max(map(len, results)) <= most


def test_it_does_not_try_again_what_was_too_much() -> None:
    tried: list[int] = []

    def work(rows: range) -> None:
        tried.append(len(rows))
        if len(rows) > 3:
            raise GPU

    parts = Batches(8)
    assert len([*parts(work, range(5))]) == 3 and tried == [5, 2, 2, 1]
    assert len([*parts(work, range(4))]) == 2 and tried[4:] == [2, 2]


def test_nothing_of_a_failure_is_kept() -> None:
    """Neither what the work had made, which its error would hold, nor graphs."""
    made: list[weakref.ref[Tensor]] = []
    many = cuda_graphs.Graphs()
    many._calls["a call"] = 1  # type: ignore[index]

    def work(rows: range) -> int:
        assert all(each() is None for each in made)
        large = torch.zeros(len(rows))
        made.append(weakref.ref(large))
        if len(rows) > 1:
            raise torch.OutOfMemoryError
        assert not many._calls
        return len(large)

    assert [*Batches(4)(work, range(2))] == [1, 1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GPU, "the GPU has no memory for a single image; stop other programs on it, or pass --device cpu"),
        (CUBLAS, "the GPU has no memory for a single image; stop other programs on it, or pass --device cpu"),
        (CPU, "there is no memory for a single image; close other programs, or pass --dtype bfloat16"),
    ],
)
def test_a_single_one_is_too_much(error: Exception, words: str) -> None:
    def work(rows: range) -> None:
        raise error

    with pytest.raises(NoMemoryError, match=words) as raised:
        list(Batches(4)(work, range(9)))
    assert raised.value.__cause__ is error


def test_other_errors_pass() -> None:
    def work(rows: range) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(Batches(4)(work, range(9)))


def test_what_torch_says() -> None:
    """More than any machine has."""
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)


# --- users of Batches


def test_pictures_and_looks(limit: Limit) -> None:
    models, latent = tiny_models(), Latent(Space.W, torch.randn(7, 8, generator=torch.Generator().manual_seed(0)))
    images, looks = models.render(latent), models.clip_features(latent)
    asked = limit(2)
    torch.testing.assert_close(models.render(latent), images, rtol=0, atol=1e-5)
    torch.testing.assert_close(models.clip_features(latent), looks, rtol=0, atol=1e-5)
    assert max(asked) == 7, "it was never too much"


@pytest.mark.parametrize("most", [1, 5])
def test_relevance(limit: Limit, most: int) -> None:
    """A painter that is too large is made smaller, too. Rows differ by what rounding does to small differences."""
    models = tiny_models()
    statistics, styles = style_statistics(models.generator, 50), sample_styles(models.generator, 6)
    channels = torch.arange(models.generator.layout.size)
    expected = list(measure(models, statistics, styles, channels))
    asked = limit(most)
    for found, whole in zip(measure(models, statistics, styles, channels), expected, strict=True):
        assert torch.equal(found.channels, whole.channels)
        torch.testing.assert_close(found.delta_i, whole.delta_i, rtol=0, atol=1e-3)
        torch.testing.assert_close(found.effect, whole.effect, rtol=1e-3, atol=1e-5)
    assert sum(each > most for each in asked) <= 4, "what was too much is tried again"


def test_relevance_by_gradient(limit: Limit) -> None:
    models = tiny_models()
    statistics, styles = style_statistics(models.generator, 50), sample_styles(models.generator, 7)
    towards = torch.nn.functional.normalize(torch.ones(10), dim=0)
    [rows], slope = (
        gradient_effects(models, statistics, styles),
        gradient_relevance(models, towards, statistics, styles),
    )
    limit(2)
    [found] = gradient_effects(models, statistics, styles)
    torch.testing.assert_close(found.delta_i, rows.delta_i, rtol=0, atol=1e-4)
    for one, other in zip(gradient_relevance(models, towards, statistics, styles), slope, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_table(limit: Limit, files: tuple[Path, Path], tmp_path: Path, models: Any) -> None:
    preparation = Preparation(images=3, samples=50)
    whole = prepare(models, preparation, tmp_path / "whole.safetensors")
    limit(3)
    found = prepare(models, preparation, tmp_path / "parts.safetensors")
    torch.testing.assert_close(found.delta_i, whole.delta_i, rtol=0, atol=1e-3)


def test_a_training(limit: Limit, tmp_path: Path) -> None:
    """Gradients of a batch are those of all its latents, once. As `test_a_batch_may_come_in_pieces`."""
    whole = train_few(tmp_path / "whole", tiny_models(), prompts=(RED, OLD))
    limit(3)  # pictures: a latent for either prompt
    for found, expected in zip(train_few(tmp_path / "parts", tiny_models(), prompts=(RED, OLD)), whole, strict=True):
        one, other = (
            torch.cat([each.flatten() for each in mapper.network.parameters()]) for mapper in (found, expected)
        )
        assert (one - other).abs().max() < 1e-3 * other.abs().max()


@pytest.mark.parametrize(
    "command", [["sample", "--seeds", "0-2"], ["prepare", "--method", "exact", "--images", "2", "--num-latents", "9"]]
)
def test_the_command_line_says_it(
    limit: Limit, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    limit(0)
    result = CliRunner().invoke(main, [*command, "--model", str(files[0]), "--clip", str(files[1])])
    failed(result, 1, "the GPU has no memory for a single image; stop other programs on it")


def test_free_memory_is_what_the_driver_and_torch_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"mem_get_info": (5, 9), "memory_reserved": 7, "memory_allocated": 4}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert free_bytes(torch.device("cuda")) == 5 + 3


@pytest.mark.parametrize("error", [TypeError, OSError, AttributeError])
def test_memory_is_kept_where_it_can_be(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows looks into no process by itself, and other C libraries have no mallopt."""

    def nothing(name: None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", nothing)
    assert keep_memory() is False
