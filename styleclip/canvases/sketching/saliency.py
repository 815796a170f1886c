"""Where CLIP looks in a picture, without a text (CLIPasso, section 3.3)."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.canvases.augmentation import WHITE
from styleclip.networks.clip import CLIP
from styleclip.networks.clip_layers import is_transformer, layer_features, layer_names
from styleclip.networks.resize import apply_resizes
from styleclip.runtime.gradients import with_gradients

MIN_CELLS = 7  # least height of the feature map that a residual network's saliency comes from: as of a ViT-B/32


def saliency(clip: CLIP, picture: Tensor, side: int) -> Tensor:
    """The map [side, side] in [0, 1] of one picture [1, 3, H, W] in [-1, 1].

    Of a vision transformer, the attention of the class token to the patches: the mean over heads, and over all blocks.
    Of a residual network, `|gradient * activation|` of the cosine with a blank picture: the parts that make the picture
    differ from a blank one.
    """
    cells = _attention(clip, picture) if is_transformer(clip) else _attribution(clip, picture)
    whole = F.interpolate(cells[None, None], (side, side), mode="bicubic", align_corners=False)[0, 0]
    low, high = whole.min(), whole.max()
    return torch.where(high > low, (whole - low) / (high - low).clamp(min=1e-12), 1.0)


@torch.no_grad()
def _attention(clip: CLIP, picture: Tensor) -> Tensor:
    """[h, w]: attention of the class token, from the inputs of the blocks."""
    blocks = cast(Any, clip.model).visual.transformer.resblocks
    inputs: list[Tensor] = []
    hooks = [block.register_forward_pre_hook(lambda _, given: inputs.append(given[0])) for block in blocks]
    try:
        clip.encode_pixels(*apply_resizes(picture, clip.resize_crop(picture)))
    finally:
        for hook in hooks:
            hook.remove()
    maps = [_class_attention(block, tokens) for block, tokens in zip(blocks, inputs, strict=True)]
    patches = torch.stack(maps).mean(dim=0)
    side = round(len(patches) ** 0.5)
    return patches.view(side, side)


def _class_attention(block: Any, tokens: Tensor) -> Tensor:
    """The attention [patches] of the class token of one picture to its patches, as the mean over heads."""
    normed = block.ln_1(tokens)
    _, weights = block.attn(normed, normed, normed, need_weights=True)
    return cast(Tensor, weights)[0, 0, 1:].float()


@with_gradients
def _attribution(clip: CLIP, picture: Tensor) -> Tensor:
    """[h, w]: `sum_c |gradient * activation|` of the deepest layer that has `MIN_CELLS` a side."""
    outputs, features = layer_features(clip, picture.detach().clone().requires_grad_())
    _, blank = layer_features(clip, torch.full_like(picture, WHITE), layer_names(clip)[0])
    fine = [each for each in outputs.values() if each.shape[-1] >= MIN_CELLS]
    layer = (fine or [*outputs.values()])[-1]
    [gradient] = torch.autograd.grad((features * blank).sum(), layer)
    return (gradient * layer).detach().abs().sum(dim=1)[0].float()
