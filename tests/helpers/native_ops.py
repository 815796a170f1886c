"""Fixtures for the native and the plain implementation of each op."""

import pytest
import torch

from cuda_ops import unavailable_reason
from tests.helpers.ops import LAYOUTS


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> torch.memory_format:
    return LAYOUTS[request.param]


def needs_native() -> None:
    if reason := unavailable_reason("cpu"):
        pytest.skip(f"{reason}; run `styleclip doctor --build`")
