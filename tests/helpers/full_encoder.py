"""The full-size e4e file, loaded in a process of its own that counts memory and seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from styleclip.weights.load import load_encoder, load_generator
from tests.golden import fill

CODE_TOLERANCE = 1e-4
Network = TypeVar("Network")


def golden_codes(name: str) -> tuple[Tensor, Tensor]:
    """The image that was encoded and its codes, before the average."""
    image = 0.5 * fill.draw("input.image", (1, 3, 256, 256), fill.meta(name)["seed"])
    return torch.from_numpy(image), torch.from_numpy(fill.vectors(name)["codes"])


def max_error(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


def check_full_encoder(path: str) -> None:
    """Load the encoder and compare its codes; run in a fresh process."""
    encoder = loaded_within(2.2, load_encoder, path)
    image, codes = golden_codes("e4e_encoder_1024")
    assert max_error(encoder(image) - encoder.w_avg, codes) <= CODE_TOLERANCE


def check_full_decoder(path: str) -> None:
    """Load only the generator beside the encoder; run in a fresh process."""
    assert loaded_within(0.5, load_generator, path).resolution == 1024  # nine tenths of the file are the encoder


def loaded_within(share: float, load: Callable[[str], Network], path: str) -> Network:
    """Load within this fraction of the file's size as additional memory."""
    before = peak_memory()
    network = load(path)
    assert peak_memory() - before < share * Path(path).stat().st_size
    return network


def peak_memory() -> int:
    """Peak memory of this process in bytes; 0 off Linux. (`ru_maxrss` of a child starts at its parent's peak.)"""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if sys.platform == "linux" else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
