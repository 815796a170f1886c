"""Editor 2: a small network, trained for one text, that gives the step of each latent (StyleCLIP, section 5).

Its files are ours, with the mapper and its record, or those of StyleCLIP. The metadata of ours is that of
`weights/formats/mappers.py` and `about`, JSON with target, neutral, `generator`, the fingerprint of the network it was
trained with, settings, scores and the number of steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

from styleclip.errors import SpaceError, UsageError, WeightError
from styleclip.latents import Direction, Latent, Space
from styleclip.models import Models
from styleclip.networks.latent_mapper import STEP, Mapper
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.runtime.image_by_image import each_image
from styleclip.storage.recording import InputFile
from styleclip.weights.file_state import sha256_of, unchanged_file
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_checks import text_of
from styleclip.weights.formats.own_files import save_mapper
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_mapper
from styleclip.weights.locate import weight_file

REMEDY = "train it again"


@dataclass(frozen=True)
class LatentMapper:
    """`latent + strength * 0.1 * mapper(latent)`, by a mapper that `styleclip train-mapper` or StyleCLIP trained.

    Args:
        mapper: the name, path or URL of its file, which is read at each call, or what `load_trained_mapper` returned.
        strength: multiplies the step that was trained; negative reverses the edit.

    Example:
        result = editor.edit(latent, "a face with red hair", LatentMapper("red_hair.safetensors", strength=0.8))
    """

    mapper: TrainedMapper | str | Path
    strength: float = 1.0

    name: ClassVar[str] = "mapper"

    def __post_init__(self) -> None:
        if not math.isfinite(self.strength):
            raise UsageError(f"strength is {self.strength}; it must be a finite number")

    def settings(self, models: Models) -> dict[str, Any]:
        """The strength, and the record of the mapper."""
        trained = self.load_mapper(models)
        return {"strength": self.strength, "mapper": dict(trained.about)}

    def load_mapper(self, models: Models) -> TrainedMapper:
        """The mapper; raises WeightError for a file without one, and for one of another generator."""
        return self.mapper if isinstance(self.mapper, TrainedMapper) else load_trained_mapper(self.mapper, models)

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in the space of the mapper. The mapper has its own text, so `prompt` has no effect."""
        trained = self.load_mapper(models)
        source = models.generator.to_space(latent.detach(), trained.network.space)
        step = trained.direction(source)
        edited = source + Direction(source.space, (self.strength * step.data).to(source.data))
        on_step(Step(1, 1, {}, edited))
        return edited


@dataclass(frozen=True)
class TrainedMapper:
    """A mapper and, where its file has them, the prompt it was trained for and the record of its training (`about`).

    `origin` has the name and the hash of the file, for the record of results.
    """

    network: Mapper
    prompt: Prompt | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @torch.no_grad()
    def direction(self, latent: Latent) -> Direction:
        """The step of every latent at strength 1, `0.1 * mapper(latent)`, in the space of the mapper."""
        weight = next(self.network.parameters())
        return Direction(latent.space, STEP * each_image(self.network, latent.data.to(weight)))


def save_trained_mapper(trained: TrainedMapper, path: str | Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write a mapper and its record, all or nothing; raises OutputError."""
    return save_mapper(trained.network, path, trained.about, dtype)


def load_trained_mapper(path: str | Path, models: Models) -> TrainedMapper:
    """The mapper in a file, also by name or URL, frozen, on the device of `models`, in float32.

    Raises WeightError for a file without one, and for one of another generator: by the fingerprint in our files, by
    the shapes in those of StyleCLIP.
    """
    path = weight_file(str(path), "mapper")
    with unchanged_file(path):
        network = load_mapper(path).to(models.device)
        origin = {"file": InputFile(path), "sha256": sha256_of(path)}
    with error_context(path):
        about = read_one(path, "mapper").about
        trained = about.get("generator")
        if trained is not None and not models.accepts(trained):
            raise WeightError("this mapper was trained for another generator; pass that one with --model")
        _check_shape(network, models)
        return TrainedMapper(network, _prompt(about), about, origin)


def _prompt(about: Mapping[str, Any]) -> Prompt | None:
    target, neutral = about.get("target"), about.get("neutral")
    if not isinstance(target, str):
        return None
    if isinstance(neutral, list):
        return Prompt(target, tuple(text_of({"neutral": each}, "neutral", REMEDY) for each in neutral))
    return Prompt(text_of(about, "target", REMEDY), None if neutral is None else text_of(about, "neutral", REMEDY))


@torch.no_grad()
def _check_shape(network: Mapper, models: Models) -> None:
    """Raise WeightError unless the mapper takes a latent of this generator."""
    generator = models.generator
    shape = (generator.layout.size,) if network.space is Space.S else (generator.num_ws, generator.config.w_dim)
    try:
        network(torch.ones(1, *shape, device=models.device))
    except SpaceError as error:
        raise WeightError(f"this mapper was trained for another generator: {error}") from error
