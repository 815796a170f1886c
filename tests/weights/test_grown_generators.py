"""A generator that was grown from a smaller one takes the W+, the directions and the encoder of that one."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleclip.directions.library import DirectionFile
from styleclip.directions.loading import read_direction, save_direction
from styleclip.errors import WeightError
from styleclip.latents import Latent, Space, save_latent
from styleclip.loading import load
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import GrownFrom
from styleclip.prompts import Prompt
from styleclip.weights.child_files import save_child
from styleclip.weights.formats.own_files import save_encoder, save_generator
from styleclip.weights.latent_files import load_latents
from styleclip.weights.load import fingerprint, load_adapted, load_generator
from tests.helpers.tiny import TINY, random_w_plus, tiny_encoder, tiny_generator, tiny_models

LARGER = replace(TINY, channels={**TINY.channels, 32: 3})


@pytest.fixture(scope="module")
def small() -> Models:
    return tiny_models(provenance={"generator": {"network": fingerprint(tiny_generator())}})


@pytest.fixture(scope="module")
def path(small: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = tiny_generator(LARGER)
    generator.grown_from = GrownFrom(str(small.generator_fingerprint), small.generator.num_ws)
    return save_generator(generator, tmp_path_factory.mktemp("grown") / "grown.safetensors")


@pytest.fixture(scope="module")
def grown(path: Path) -> Models:
    generator = load_generator(path)
    return tiny_models(generator=generator, provenance={"generator": {"network": fingerprint(generator)}})


def grow(rows: torch.Tensor) -> torch.Tensor:
    """W+ of 6 rows -> of 8, the last row repeated."""
    return rows[:, [0, 1, 2, 3, 4, 5, 5, 5]]


def test_the_file_tells_it(grown: Models, small: Models, path: Path, tmp_path: Path) -> None:
    assert grown.generator.grown_from == (small.generator_fingerprint, 6) and grown.generator.row_counts == (8, 6)
    again = save_generator(grown.generator, tmp_path / "again.safetensors")
    assert again.read_bytes() == path.read_bytes()
    assert grown.accepts_w(small.generator_fingerprint) and not grown.accepts(small.generator_fingerprint)
    assert grown.accepts_w(grown.generator_fingerprint) and not small.accepts_w(grown.generator_fingerprint)


@pytest.mark.parametrize("num_ws", [5, 8, 10, "6", None])
def test_a_damaged_record(num_ws: object, tmp_path: Path) -> None:
    generator = tiny_generator(LARGER)
    about = {"grown_from": {"network": "1234", "num_ws": num_ws}}
    path = save_generator(generator, tmp_path / "damaged.safetensors", about=about)
    with pytest.raises(WeightError, match="the record of the generator that it was grown from is damaged"):
        load_generator(path)


def test_w_plus_repeats_the_last_row(grown: Models, small: Models, tmp_path: Path) -> None:
    latent = random_w_plus(2)
    own = save_latent(latent, tmp_path / "own.safetensors")
    torch.save(latent.data, tmp_path / "e4e.pt")
    torch.save(latent.data.flatten(1), tmp_path / "flat.pt")
    for path in (own, tmp_path / "e4e.pt", tmp_path / "flat.pt"):
        read = load_latents(path, grown.generator)
        assert read.space is Space.W_PLUS and torch.equal(read.data, grow(latent.data))
        assert torch.equal(load_latents(path, small.generator).data, latent.data)
    assert len(grown.render(load_latents(own, grown.generator))) == 2


def test_one_code_below_another(grown: Models, tmp_path: Path) -> None:
    latent = random_w_plus(2)
    torch.save(latent.data[0], tmp_path / "one.pt")
    torch.save(latent.data.flatten(0, 1), tmp_path / "two.pt")
    with pytest.warns(match="read as 1 code of W\\+, since it has a row for each of the 6 w of a code"):
        assert torch.equal(load_latents(tmp_path / "one.pt", grown.generator).data, grow(latent.data[:1]))
    assert torch.equal(load_latents(tmp_path / "two.pt", grown.generator, "w+").data, grow(latent.data))


def test_z_and_w_are_the_same(grown: Models, tmp_path: Path) -> None:
    for space, width in (("z", 12), ("w", 8)):
        rows = torch.randn(3, width, generator=torch.Generator().manual_seed(1))
        path = save_latent(Latent(Space(space), rows), tmp_path / f"{space}.safetensors")
        assert torch.equal(load_latents(path, grown.generator).data, rows)


def test_other_rows_are_refused_as_ever(grown: Models, tmp_path: Path) -> None:
    latent = random_w_plus(2)
    path = save_latent(latent, tmp_path / "latent.safetensors")
    for generator, wrong in ((tiny_generator(LARGER), path), (grown.generator, tmp_path / "other.safetensors")):
        save_latent(Latent(Space.W_PLUS, latent.data[:, :4]), tmp_path / "other.safetensors")
        with pytest.raises(WeightError, match="does not fit this generator"):
            load_latents(wrong, generator)


def test_styles_of_the_small_one_are_refused(grown: Models, small: Models, tmp_path: Path) -> None:
    styles = small.generator.to_space(random_w_plus(1), Space.S)
    with pytest.raises(WeightError, match="does not fit this generator"):
        load_latents(save_latent(styles, tmp_path / "s.safetensors"), grown.generator)


@pytest.mark.parametrize("space", ["w", "w+", "s"])
def test_directions(grown: Models, small: Models, tmp_path: Path, space: str) -> None:
    source, size = torch.Generator().manual_seed(2), small.generator.layout.size
    data = torch.randn({"w": (1, 8), "w+": (1, 6, 8), "s": (1, size)}[space], generator=source)
    direction = LatentDirection(Space(space), data, "old", generator=small.generator_fingerprint)
    file = DirectionFile(save_direction(direction, small, tmp_path / "old.safetensors"), None)
    read = read_direction(file, grown)
    step, before = (each.step(models).data for each, models in ((read, grown), (direction, small)))
    torch.testing.assert_close(step[:, :size], before)


def test_the_direction_of_a_text(grown: Models, small: Models, tmp_path: Path) -> None:
    size, more = small.generator.layout.size, grown.generator.layout.size - small.generator.layout.size
    weights, std, relevance = torch.rand(3, size, generator=torch.Generator().manual_seed(3))
    direction = StyleDirection(Prompt("a face with red hair"), weights, std, relevance, 0.1, 4.0, 0.2)
    path = save_direction(direction, small, tmp_path / "red.safetensors")
    read = read_direction(DirectionFile(path), grown)
    assert isinstance(read, StyleDirection) and torch.equal(read.weights, torch.cat([weights, torch.zeros(more)]))
    with pytest.raises(WeightError, match="this direction was found for another generator"):
        read_direction(DirectionFile(path), replace(grown, generator=tiny_generator(LARGER)))


def test_its_encoder(path: Path, tmp_path: Path) -> None:
    encoder = tiny_encoder()
    encoder.w_avg.copy_(torch.rand(encoder.w_avg.shape, generator=torch.Generator().manual_seed(4)))
    file = save_encoder(encoder, tmp_path / "encoder.safetensors")
    found = load(str(path), clip="demo", encoder=file).encoder()
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    assert found is not None and found.config.num_ws == 8
    torch.testing.assert_close(found.encode(picture), grow(encoder.encode(picture)))
    plain = save_generator(tiny_generator(LARGER), tmp_path / "plain.safetensors")
    with pytest.raises(WeightError, match="the encoder gives W\\+ of \\[6, 8\\], the generator takes \\[8, 8\\]"):
        load(str(plain), clip="demo", encoder=file).encoder()


def test_a_child_of_it(grown: Models, tmp_path: Path) -> None:
    record = {**grown.provenance["generator"], "name": "grown.safetensors", "sha256": "0"}
    file = save_child(grown.generator, load_child(grown), tmp_path / "child.safetensors", record)
    adapted = load_adapted(file)
    assert adapted is not None and adapted.mix(0.5).grown_from == grown.generator.grown_from
    assert adapted.mix(0).row_counts == (8, 6)


def load_child(grown: Models) -> Generator:
    """The grown generator with another bias."""
    child = copy.deepcopy(grown.generator)
    child.synthesis.get_submodule("b4.torgb").bias.add_(1)
    return child
