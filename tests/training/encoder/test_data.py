"""Batches of an encoder training: images, samples and their random streams, misalignment, images of files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from styleclip.errors import PhotoError, UsageError
from styleclip.latents import Latent, Space
from styleclip.training.encoder.data import EncoderBatches, open_images, random_stream
from styleclip.training.encoder.losses import misalign
from tests.helpers.encoder_training import FEW, PlainPhotos, with_only
from tests.helpers.shapes import SHAPES
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import tiny_generator, tiny_models


def test_pictures_and_samples() -> None:
    """The last rows are samples, the first are photos that are not held out, and some of these are mirrored."""
    models, training = tiny_models(), replace(FEW, batch_size=8, samples=0.25, held_out=4)
    batches = EncoderBatches(models, PlainPhotos(), training)
    images, known = batches.at(3)
    assert (images.shape, known.shape) == ((8, 3, 16, 16), (2, 8)) and images.abs().max() <= 1
    assert torch.equal(images, batches.at(3)[0]) and not torch.equal(known, batches.at(4)[1])
    drawn = models.generator(Latent(Space.W, known), noise="none").clamp(-1, 1)
    assert F.mse_loss(images[6:], drawn) < 0.5 * F.mse_loss(images[6:], drawn.flip(0))
    photos = torch.cat([batches.at(step)[0][:6] for step in range(20)])
    assert {round(float(image.max()) * 100 - 1) for image in photos} == set(range(16))
    mirrored = photos[:, 0, 0, 0] < photos[:, 0, 0, -1]
    assert 0.3 < mirrored.float().mean() < 0.7
    plain = EncoderBatches(models, PlainPhotos(), replace(training, flip=False)).at(3)[0][:6]
    assert (plain[:, 0, 0, 0] > plain[:, 0, 0, -1]).all()
    assert torch.equal(batches.held_out(), PlainPhotos().at(torch.arange(16, 20), 16))


def test_samples_do_not_depend_on_what_was_drawn_before() -> None:
    batches = EncoderBatches(tiny_models(), None, FEW)
    state = torch.get_rng_state()
    images, known = batches.at(0)
    assert torch.equal(torch.get_rng_state(), state), "the global random state was changed"
    torch.rand(1)
    assert torch.equal(batches.at(0)[0], images) and len(known) == len(images) == 4
    other = EncoderBatches(tiny_models(), None, replace(FEW, seed=1))
    assert not torch.equal(other.at(0)[1], known) and not torch.equal(batches.sample_w("critic", 0, 4), known)


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (4, 4), (5, 1), (12, 2), (900, 8)])
def test_pictures_held_out(count: int, kept: int) -> None:
    """At most a fifth; a few pictures are both."""
    batches = EncoderBatches(tiny_models(), PlainPhotos(count), FEW)
    assert len(batches.held_out_rows) == kept and len(batches.training_rows) == (count if count < 5 else count - kept)
    assert len({*batches.held_out_rows.tolist(), *batches.training_rows.tolist()}) == count


def test_nothing_to_learn_from() -> None:
    with pytest.raises(UsageError, match="there are no pictures to learn from; pass some") as caught:
        EncoderBatches(tiny_models(), PlainPhotos(0), FEW)
    assert is_one_sentence(caught.value)
    with pytest.raises(UsageError, match="the only goal and no sample is drawn; raise --samples"):
        EncoderBatches(tiny_models(), PlainPhotos(), replace(with_only(latent=1.0), samples=0.0))


def test_misalignment() -> None:
    bright = torch.full((400, 1, 32, 32), -1.0)
    bright[:, :, 15:17, 15:17] = 1.0
    assert misalign(bright, 0.0, random_stream(FEW, "jitter", 0)) is bright
    moved = misalign(bright, 0.1, random_stream(FEW, "jitter", 0)) + 1
    assert torch.equal(misalign(bright, 0.1, random_stream(FEW, "jitter", 0)) + 1, moved)
    mass, place = moved.sum(dim=(1, 2, 3)), torch.arange(32.0) / 32
    for axis in (2, 3):
        centre = (moved.sum(dim=5 - axis) * place).sum(dim=(1, 2)) / mass
        inside = centre[centre.isfinite()]
        assert 0.08 < float(inside.std()) < 0.12, "in sides of the picture"
    assert not torch.equal(misalign(bright, 0.1, random_stream(FEW, "jitter", 1)) + 1, moved)
    assert not torch.equal(moved[0], moved[1])


# --- images of files


def save_renders(path: Path, *shape: int) -> Path:
    pixels = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    save_file({"images": pixels}, path)
    return path


def test_images_of_a_folder_are_those_of_the_tensor(tmp_path: Path) -> None:
    path = save_renders(tmp_path / "renders.safetensors", 6, 3, 24, 24)
    images = open_images(path).at(torch.tensor([4, 1]), 24)
    assert images.min() >= -1 and images.max() <= 1
    assert open_images(path).at(torch.tensor([0]), 16).shape == (1, 3, 16, 16)
    pixels = [Image.fromarray(((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()) for image in images]
    (tmp_path / "faces").mkdir()
    for i, picture in enumerate(pixels):
        picture.resize((48, 48), Image.Resampling.NEAREST).save(tmp_path / f"faces/{i}.png")
    dataset = open_images(tmp_path / "faces")
    assert len(dataset) == 2
    torch.testing.assert_close(dataset.at(torch.tensor([0, 1]), 48)[:, :, ::2, ::2], images, atol=1e-6, rtol=0)


def test_images_of_a_generator_that_draws_no_squares(tmp_path: Path) -> None:
    """They have its ratio of the sides, at any size; others are refused."""
    models = tiny_models(generator=tiny_generator(SHAPES["tall"]))  # 16 x 8 px
    (tmp_path / "people").mkdir()
    for i, size in enumerate([(50, 100), (32, 64), (40, 80)]):
        Image.new("RGB", size, (80 * i, 100, 50)).save(tmp_path / f"people/{i}.png")
    training = replace(FEW, batch_size=4, samples=0.25, held_out=1, flip=False)
    batches = EncoderBatches(models, open_images(tmp_path / "people"), training)
    images, known = batches.at(0)
    assert (images.shape, known.shape) == ((4, 3, 16, 8), (1, 8)) and batches.held_out().shape == (3, 3, 16, 8)
    colours = images[:3, 0, 0, 0].add(1).mul(127.5).round().tolist()
    assert set(colours) <= {0.0, 80.0, 160.0} and len(set(colours)) > 1
    with pytest.raises(UsageError, match="the pictures are 24 x 24 px and the generator draws 8 x 16 px; cut them"):
        EncoderBatches(models, open_images(save_renders(tmp_path / "renders.safetensors", 6, 3, 24, 24)), training)
    Image.new("RGB", (40, 40)).save(tmp_path / "people/3.png")
    with pytest.raises(
        UsageError, match=r"3\.png is 40 x 40 px and others are 50 x 100 px; pass pictures of one shape"
    ):
        open_images(tmp_path / "people")


def test_images_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no picture called"):
        open_images(tmp_path / "absent")
    with pytest.raises(UsageError, match=r"uint8 \[6, 4, 24, 24\]; pass uint8 of shape"):
        open_images(save_renders(tmp_path / "renders.safetensors", 6, 4, 24, 24))
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "0.png").write_bytes(b"\x89PNG")
    assert len(open_images(tmp_path / "faces")) == 1, "what cannot be read is found when it is read"


def test_kinds_that_do_not_open_are_told_at_once(tmp_path: Path) -> None:
    """Among images that do: a file that cannot be developed here, and before the training begins."""
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "b.xcf").write_bytes(b"gimp xcf file")
    with pytest.raises(PhotoError, match="b.xcf is a GIMP file; save it as JPEG or PNG"):
        open_images(tmp_path)
