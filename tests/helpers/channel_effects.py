"""Measured effects of channels of a small float64 generator."""

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from styleclip.models import Models
from styleclip.stylespace.channel_effects import Effects, measure
from styleclip.stylespace.statistics import sample_styles, style_statistics
from tests.helpers.tiny import TINY, tiny_clip, tiny_generator, tiny_models

IMAGES = 4
CLAMPED = replace(TINY, conv_clamp=0.5)


def float64_models(config: Any = TINY) -> Models:
    """Models in float64, so that what is compared differs by more than rounding or not at all."""
    return tiny_models(generator=tiny_generator(config).double(), clip=tiny_clip().double())


MODELS = float64_models()
LAYOUT = MODELS.generator.layout
EVERY, CONVOLUTIONS = torch.arange(LAYOUT.size), (~LAYOUT.torgb_mask()).nonzero()[:, 0]
STATISTICS = style_statistics(MODELS.generator, 500)
STYLES = sample_styles(MODELS.generator, IMAGES)


def measured_effects(models: Models = MODELS, channels: Tensor = EVERY, **options: Any) -> Effects:
    """All groups as one."""
    settings: dict[str, Any] = {"statistics": STATISTICS, "styles": STYLES, **options}
    groups = list(measure(models, channels=channels, **settings))
    return Effects(*(torch.cat([getattr(group, field.name) for group in groups]) for field in fields(Effects)))
