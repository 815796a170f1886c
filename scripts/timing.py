"""What the benches share: a clock, the name of the machine, and the shape of the published generators."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

from styleclip.models.stylegan2 import GeneratorConfig

Value = TypeVar("Value")
WIDTHS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}


def config_f(resolution: int) -> GeneratorConfig:
    """StyleGAN2's config-f."""
    channels = {side: width for side, width in WIDTHS.items() if side <= resolution}
    return GeneratorConfig(z_dim=512, w_dim=512, mapping_widths=(512,) * 8, channels=channels)


def machine(device: torch.device) -> str:
    """What the numbers were measured on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def timed(work: Callable[[], Value], repeats: int = 1) -> tuple[float, Value]:
    """The least of several times, in seconds, and what comes of the work."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        value = work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return min(taken), value
