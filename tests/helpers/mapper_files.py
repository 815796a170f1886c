"""The networks of published mapper files."""

from torch import Tensor

from styleclip.latents import StyleLayout
from tests.helpers.checkpoint_writers import mapper_tensors

TINY_LAYOUT = StyleLayout.from_channels({4: 6, 8: 5})


def style_networks(layout: StyleLayout, torgb: bool) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for i, entry in enumerate(layout.entries):
        if torgb or not entry.is_torgb:
            tensors |= mapper_tensors(f"mapper_{i}", width=entry.channels)
    return tensors
