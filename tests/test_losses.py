"""The resolution of the images that the losses see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from styleclip.errors import UsageError
from styleclip.losses import loss_resolution_px
from styleclip.networks.generator import Generator
from styleclip.weights.state_dict import on_meta
from tests.helpers.tiny import TINY, tiny_models


def test_the_pictures_of_the_losses() -> None:
    models = tiny_models()
    sides: dict[Any, int] = {"auto": 16, "full": 16, 8: 8, 4: 4, 256: 16}
    assert {wanted: loss_resolution_px(models.generator, models.clip, wanted) for wanted in sides} == sides
    with pytest.raises(UsageError, match="loss_resolution is 12; this generator draws 4, 8, 16 px"):
        loss_resolution_px(models.generator, models.clip, 12)


@pytest.mark.parametrize(("clip_side", "expected"), [(224, 256), (256, 256), (336, 512), (2000, 1024)])
def test_auto_is_no_smaller_than_what_clip_looks_at(clip_side: int, expected: int) -> None:
    channels = {2**k: 4 for k in range(2, 11)}
    generator = on_meta(lambda: Generator(replace(TINY, channels=channels)))
    clip = tiny_models().clip
    clip.image_size = clip_side
    assert loss_resolution_px(generator, clip, "auto") == expected
