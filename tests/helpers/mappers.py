"""A mapper with random weights, as trained for a prompt."""

from __future__ import annotations

import torch

from styleclip.methods.mapper import TrainedMapper
from styleclip.models import Models
from styleclip.networks.latent_mapper import LevelsMapper, Mapper, StyleMapper
from styleclip.prompts import Prompt
from tests.helpers.tiny import TINY, tiny_generator

PROMPT = Prompt("a face with red hair", "a face")


def random_mapper(kind: str = "levels") -> Mapper:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        layout = tiny_generator().layout
        return LevelsMapper(["coarse", "medium"], TINY.w_dim) if kind == "levels" else StyleMapper(layout)


def random_trained_mapper(models: Models, kind: str = "levels", **about: object) -> TrainedMapper:
    texts = {"target": PROMPT.target, "neutral": PROMPT.recorded_neutral}
    told = {**texts, "generator": models.generator_fingerprint, **about}
    return TrainedMapper(random_mapper(kind), PROMPT, told)
