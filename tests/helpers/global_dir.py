"""The formula of global directions in numpy, and readers of what `styleclip global-dir` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import Result
from PIL import Image
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.prompts import Prompt, delta_t
from tests.helpers.support import done

TARGET, NEUTRAL = "a face with red hair", "a face"
PROMPT = ("--prompt", TARGET, "--neutral", NEUTRAL)
ABOUT = {"method": "exact", "images": 3}


def records(result: Result) -> list[dict[str, Any]]:
    """The records that `--json` printed."""
    told = json.loads(done(result).stdout)
    return list(told.get("results", [told]))


def direction_of(models: Models, prompt: Prompt, beta: float = 0.0, torgb: bool = False) -> Tensor:
    """StyleCLIP, section 6, in numpy: what is added to S [C] for alpha 1."""
    table = models.relevance()
    assert table and table.statistics
    cosine = table.delta_i.double().numpy() @ delta_t(models.clip, prompt).double().numpy()
    cosine[(np.abs(cosine) < beta) | (models.generator.layout.torgb_mask().numpy() & (not torgb))] = 0
    return torch.from_numpy(cosine / np.abs(cosine).max()).float() * table.statistics.std


def moved(folder: Path, models: Models) -> Tensor:
    """How far the faces of a result went in S [N, C]."""
    edited, source = (Latent.load(folder / f"{name}.safetensors") for name in ("latent", "source"))
    assert edited.space is Space.S
    return edited.data - models.generator.to_space(source, Space.S).data


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.expand_as(found), atol=2e-5, rtol=1e-5)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def largest(models: Models) -> float:
    table = models.relevance()
    assert table
    cosine = table.delta_i @ delta_t(models.clip, Prompt(TARGET, NEUTRAL))
    return cosine[~models.generator.layout.torgb_mask()].abs().max().item()
