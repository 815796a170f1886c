"""The images an encoder is trained on: aligned images, and samples of the generator, whose latents are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photos import check_kind, read_photo
from styleclip.errors import UsageError, WeightError
from styleclip.images import from_pil, to_rgb
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.e4e import resize_frame
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor
from styleclip.weights.safe_pickle.safetensors_files import read_safetensors


class ImageDataset(Protocol):
    """Aligned images of one ratio of the sides: `size` is the height and width of one in px."""

    size: tuple[int, int]

    def __len__(self) -> int: ...

    def at(self, rows: Tensor, longer: int) -> Tensor:
        """These images, [N, 3, H, W] in [-1, 1] with a longer side of `longer` px."""
        ...


def open_images(path: Path) -> ImageDataset:
    """The images of a folder, or of a safetensors file with uint8 `images` [M, 3, H, W]."""
    return ImageTensor(path) if path.suffix == ".safetensors" else ImageFolder(path)


class EncoderBatches:
    """Batches of images and samples. All random numbers are a function of the step, so training resumes exactly."""

    def __init__(self, models: Models, images: ImageDataset | None, training: EncoderTraining) -> None:
        self.models, self.training, self.images = models, training, images
        self.num_samples = training.batch_size
        if images is not None:
            self.num_samples = round(training.samples * training.batch_size)
            self.training_rows, self.held_out_rows = _split_held_out(len(images), training.held_out)
        self._check()

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Images [N, 3, H, W], and the w [M, w_dim] of the last M of them, which are samples of the generator."""
        generator, num_images = self.models.generator, self.training.batch_size - self.num_samples
        batch = [self._draw_images(step, num_images)] if num_images else []
        known_w = self.sample_w("samples", step, self.num_samples)
        if self.num_samples:
            with torch.no_grad(), self._fix_seed(step):
                batch.append(to_rgb(generator(Latent(Space.W, known_w), noise="random")).clamp(-1, 1))
        return torch.cat(batch), known_w

    @torch.no_grad()
    def sample_w(self, purpose: str, step: int, count: int) -> Tensor:
        """w [count, w_dim] of the samples for a purpose at this step."""
        generator = self.models.generator
        z = torch.randn(count, generator.config.z_dim, generator=random_stream(self.training, purpose, step))
        return generator.map(z.to(generator.w_avg))

    def held_out(self) -> Tensor:
        """The images [N, 3, H, W] for validation: samples where there are no others."""
        if self.images is None:
            w = self.sample_w("held out", 0, self.training.held_out)
            return to_rgb(self.models.render(Latent(Space.W, w))).clamp(-1, 1)
        return self.images.at(self.held_out_rows, max(self.models.generator.image_size)).to(self.models.device)

    def _draw_images(self, step: int, count: int) -> Tensor:
        assert self.images is not None
        random = random_stream(self.training, "photos", step)
        rows = self.training_rows[torch.randint(len(self.training_rows), (count,), generator=random)]
        images = self.images.at(rows, max(self.models.generator.image_size)).to(self.models.device)
        if self.training.flip:
            mirrored = torch.rand(count, generator=random).to(images.device) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return images

    @contextmanager
    def _fix_seed(self, step: int) -> Iterator[None]:
        """Seed the global random state by the step, for the noise of the generator, and restore it afterwards."""
        device = self.models.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(random_stream(self.training, "noise", step).initial_seed())
            yield

    def _check(self) -> None:
        if self.images is not None and not len(self.images):
            raise UsageError("there are no pictures to learn from; pass some, or none at all to learn from samples")
        size = self.models.generator.image_size
        if self.images is not None and not _same_shape(self.images.size, size):
            raise UsageError(
                f"the pictures are {_text(self.images.size)} px and the generator draws {_text(size)} px; cut them to "
                "that shape first, e.g. by `styleclip invert`"
            )
        training = self.training
        if not self.num_samples and not (training.lambda_l2 or training.lambda_perceptual or training.lambda_id):
            raise UsageError("lambda_latent is the only goal and no sample is drawn; raise --samples or another weight")


def random_stream(training: EncoderTraining, purpose: str, step: int) -> torch.Generator:
    """Random numbers that are a function of the seed, the purpose and the step."""
    mixed = np.random.SeedSequence([training.seed, step, *purpose.encode()]).generate_state(1)
    return torch.Generator().manual_seed(int(mixed[0]))


class ImageTensor:
    """Images of one size in memory: `images` uint8 [M, 3, H, W] of a safetensors file."""

    def __init__(self, path: Path) -> None:
        try:
            self.images = read_tensor(read_safetensors(path).value["images"])
        except (OSError, KeyError, SafetensorError, WeightError) as error:
            raise UsageError(f"{path} has no tensor `images` that can be read; pass a file of renders") from error
        shape = list(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or 0 in shape[2:]:
            raise UsageError(f"the images in {path} are {self.images.dtype} {shape}; pass uint8 of shape [M, 3, H, W]")
        self.size = shape[2], shape[3]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: Tensor, longer: int) -> Tensor:
        """These images, [N, 3, H, W] in [-1, 1] with a longer side of `longer` px."""
        return resize_frame(self.images[rows].float() / 127.5 - 1, longer)


class ImageFolder:
    """Image files of a folder, read at every use. They must be of one shape, which is checked at once."""

    def __init__(self, path: Path) -> None:
        self.paths = find_photos([str(path)]).photos
        self.size = 0, 0  # of the first that can be read
        for each in self.paths:
            check_kind(each)
            self._check_shape(each, _header_size(each))

    def __len__(self) -> int:
        return len(self.paths)

    def at(self, rows: Tensor, longer: int) -> Tensor:
        """These images, [N, 3, H, W] in [-1, 1] with a longer side of `longer` px."""
        return torch.cat([self._read(self.paths[row], longer) for row in rows.tolist()])

    def _read(self, path: Path, longer: int) -> Tensor:
        image = read_photo(path).image
        self._check_shape(path, (image.height, image.width))
        return resize_frame(from_pil([image]), longer)

    def _check_shape(self, path: Path, size: tuple[int, int]) -> None:
        """Check that an image has the shape of the first; sizes of 0 are not known."""
        if 0 in self.size:
            self.size = size
        elif not _same_shape(self.size, size):
            raise UsageError(
                f"{path} is {_text(size)} px and others are {_text(self.size)} px; pass pictures of one shape, cut out "
                "first, e.g. by `styleclip invert`"
            )


def _same_shape(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether images of these heights and widths have the same ratio of the sides; sizes of 0 are not known."""
    return 0 in (*first, *second) or first[0] * second[1] == first[1] * second[0]


def _text(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"


def _header_size(path: Path) -> tuple[int, int]:
    """Height and width by the header of an image; (0, 0) for files that `read_photo` refuses."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception:  # parsers of damaged headers raise anything
        return 0, 0


def _split_held_out(count: int, held_out: int) -> tuple[Tensor, Tensor]:
    """The rows to train on, and the last ones, at most a fifth, which are held out. Fewer than five rows are both."""
    rows, kept = torch.arange(count), min(held_out, count // 5)
    return (rows[: count - kept], rows[count - kept :]) if kept else (rows, rows)
