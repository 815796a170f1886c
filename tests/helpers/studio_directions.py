"""Directions for tests of the studio: a library, and files that a browser sends."""

from __future__ import annotations

import torch

from styleclip.directions.library import library_folder
from styleclip.directions.own_files import save_latent_directions
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models


def planted_directions(models: Models) -> list[LatentDirection]:
    """A direction "turn" in W+, and an absolute one "level" in W."""
    draw = torch.Generator().manual_seed(0)
    generator, fingerprint = models.generator, models.generator_fingerprint
    rows = torch.randn(1, generator.num_ws, generator.config.w_dim, generator=draw) / 10
    level = torch.randn(1, generator.config.w_dim, generator=draw) / 10
    turn = LatentDirection(
        Space.W_PLUS, rows, "turn", unit=0.7, range=(-6.0, 8.0), generator=fingerprint, licence="MIT; of a test"
    )
    return [turn, LatentDirection(Space.W, level, "level", center=generator.w_avg.cpu(), generator=fingerprint)]


def fill_library(models: Models) -> None:
    """The library: "faces" has `planted_directions`, "alone" tells no generator, "other" another one, "bad" fails."""
    turn, level = planted_directions(models)
    alone = LatentDirection(Space.W, level.data, "x", alpha=2.0)
    other = LatentDirection(Space.W, level.data, "x", generator="f" * 64)
    for name, directions in {"faces": [turn, level], "alone": [alone], "other": [other]}.items():
        save_latent_directions(directions, library_folder() / f"{name}.safetensors")
    (library_folder() / "bad.safetensors").write_bytes(b"nonsense")
