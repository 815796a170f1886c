"""Models with a tiny StyleGAN3 of random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from styleclip.models import Models


@pytest.fixture(scope="session")
def alias_free() -> Models:
    """A StyleGAN3 of config T with few layers, a CLIP and a recogniser."""
    from styleclip.weights.load import fingerprint
    from tests.helpers.tiny import tiny_models
    from tests.helpers.tiny_stylegan3 import tiny_stylegan3

    generator = tiny_stylegan3(resolution=16, layers=6)
    return tiny_models(generator=generator, provenance={"generator": {"network": fingerprint(generator)}})
