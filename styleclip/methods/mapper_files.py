"""Mappers as files: ours, which hold the mapper and its record and nothing else, and those of StyleCLIP.

The metadata of ours is that of `weights/formats/mappers.py` and `about`, JSON with target, neutral, `generator`, the
fingerprint of the network it was trained with, settings, scores and the number of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from styleclip.errors import SpaceError, WeightError
from styleclip.files import to_json
from styleclip.latents import Direction, Latent, Space
from styleclip.models import Models
from styleclip.networks.latent_mapper import STEP, Mapper
from styleclip.prompts import Prompt
from styleclip.weights.formats.mappers import read_record, save_mapper
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_mapper


@dataclass(frozen=True)
class TrainedMapper:
    """A mapper and, as far as its file tells, the prompt it was trained for and how (`about`)."""

    network: Mapper
    prompt: Prompt | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def direction(self, latent: Latent) -> Direction:
        """The step of every latent at strength 1, `0.1 * mapper(latent)`, in the space of the mapper."""
        weight = next(self.network.parameters())
        return Direction(latent.space, STEP * self.network(latent.data.to(weight)))


def save_trained_mapper(trained: TrainedMapper, path: str | Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write a mapper and its record, all or nothing; raises OutputError."""
    return save_mapper(trained.network, path, {"about": to_json(trained.about)}, dtype)


def load_trained_mapper(path: str | Path, models: Models) -> TrainedMapper:
    """The mapper in a file, frozen, on the device of `models`, in float32.

    Raises WeightError for a file without one, and for one of another generator: by the fingerprint in our files, by
    the shapes in those of StyleCLIP.
    """
    network = load_mapper(path).to(models.device)
    with error_context(path):
        about = read_record(read_one(path, "mapper").settings)
        if about.get("generator") not in (None, models.generator_fingerprint):
            raise WeightError("this mapper was trained for another generator; pass that one with --model")
        _check_shape(network, models)
        return TrainedMapper(network, _prompt(about), about)


def _prompt(about: Mapping[str, Any]) -> Prompt | None:
    target, neutral = about.get("target"), about.get("neutral", "a face")
    if not isinstance(target, str):
        return None
    return Prompt(target, neutral if isinstance(neutral, str) else tuple(map(str, neutral)))


@torch.no_grad()
def _check_shape(network: Mapper, models: Models) -> None:
    """Raise WeightError unless the mapper takes a latent of this generator."""
    generator = models.generator
    shape = (generator.layout.size,) if network.space is Space.S else (generator.num_ws, generator.config.w_dim)
    try:
        network(torch.ones(1, *shape, device=models.device))
    except SpaceError as error:
        raise WeightError(f"this mapper was trained for another generator: {error}") from error
