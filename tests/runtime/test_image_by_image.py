"""On a CPU the bits of a picture do not depend on its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

import styleclip
from styleclip.editor import Editor
from styleclip.latents import Space
from styleclip.methods.base import Method
from styleclip.methods.mapper import load_trained_mapper
from styleclip.models import Models
from styleclip.runtime.image_by_image import each_image, image_by_image, splits, whole_batches
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

BATCHES = (1, 3, 8)


@pytest.fixture(scope="module")
def editor(demo: Models) -> Editor:
    return Editor(demo)


def in_batches(work: Callable[[Sequence[int]], Tensor], seeds: Sequence[int], size: int) -> Tensor:
    return torch.cat([work(seeds[start : start + size]) for start in range(0, len(seeds), size)])


def same_in_batches(work: Callable[[Sequence[int]], Tensor], seeds: Sequence[int]) -> bool:
    first, *others = [in_batches(work, seeds, size) for size in BATCHES]
    return all(torch.equal(first, other) for other in others)


def test_a_hundred_latents(editor: Editor) -> None:
    """Styles of all, and the blocks up to 8 px, in which the batch matters most."""
    models = editor.models

    @torch.no_grad()
    def coarse(seeds: Sequence[int]) -> Tensor:
        latent = editor.sample(seeds=seeds)
        styles = models.generator.to_space(latent, Space.S).data
        return torch.cat([styles, models.generator(latent, resolution=8).flatten(1)], dim=1)

    with image_by_image():
        assert same_in_batches(coarse, range(100))
    assert same_in_batches(lambda seeds: editor.sample(seeds=seeds).data, range(100))


def test_features(editor: Editor) -> None:
    models = editor.models
    images = editor.render(editor.sample(seeds=range(8)))

    @torch.no_grad()
    def features(rows: Sequence[int]) -> Tensor:
        part = images[list(rows)]
        assert models.identity is not None
        return torch.cat([models.clip.encode_image(part), models.identity.embed(part)], dim=1)

    with image_by_image():
        assert same_in_batches(features, range(8))


@pytest.mark.parametrize("method", ["direction", "mapper", "optimize"])
def test_edits(editor: Editor, method: str) -> None:
    prompt = styleclip.Prompt("a smiling face")
    methods: dict[str, Method] = {
        "direction": styleclip.GlobalDirection(),
        "mapper": styleclip.LatentMapper(load_trained_mapper("demo-old", editor.models), 0.7),
        "optimize": styleclip.Optimize(steps=2, lambda_id=0.05),
    }

    def pictures(seeds: Sequence[int]) -> Tensor:
        return editor.edit(editor.sample(seeds=seeds), prompt, methods[method]).after

    assert same_in_batches(pictures, range(4))


def test_stylegan3() -> None:
    generator = tiny_stylegan3("r").freeze()
    z = torch.randn(8, generator.config.z_dim, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def pictures(rows: Sequence[int]) -> Tensor:
        return generator(styleclip.Latent(Space.Z, z[list(rows)]))

    with image_by_image():
        assert same_in_batches(pictures, range(8))


def test_random_noise_has_a_seed_for_each_image(models: Models) -> None:
    generator = models.generator
    z = styleclip.Latent(Space.Z, torch.randn(3, generator.config.z_dim))
    with torch.no_grad(), image_by_image():
        together = generator(z, "random", seeds=[1, 2, 3])
        assert torch.equal(together[1:2], generator(z[1], "random", seeds=[2]))
        with pytest.raises(styleclip.StyleClipError, match="noise seeds"):
            generator(z, "random", seeds=[1])


def test_whole_batches_win() -> None:
    batch = torch.zeros(2, 1)
    assert not splits(batch)
    with image_by_image():
        assert splits(batch) and not splits(batch[:1])
        with whole_batches(), image_by_image():
            assert not splits(batch)
        assert each_image(lambda rows: rows + len(rows), batch).tolist() == [[1], [1]] and splits(batch)
    assert not splits(batch)
