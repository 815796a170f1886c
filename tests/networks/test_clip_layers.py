"""The outputs of the layers of CLIP's vision tower."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.clip_layers import layer_features, layer_names


def clip_with(**vision: Any) -> CLIP:
    model = {
        "embed_dim": 8,
        "vision_cfg": {"head_width": 8, **vision},
        "text_cfg": {"context_length": 8, "width": 8, "heads": 1, "layers": 1},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_clip({"name": "tiny", "model": model, "tokens": [320], "vocabulary": ["a"]}).eval()


def transformer() -> CLIP:
    return clip_with(image_size=16, layers=3, width=16, patch_size=8)


def test_a_residual_tower() -> None:
    clip, image = clip_with(image_size=32, layers=[1, 1, 1, 1], width=8), torch.rand(2, 3, 40, 40)
    layers, features = layer_features(clip, image)
    assert tuple(layers) == layer_names(clip) == ("stem", "layer1", "layer2", "layer3", "layer4")
    sides = [output.shape[-1] for output in layers.values()]
    assert sides == sorted(sides, reverse=True)
    assert torch.equal(features, clip.encode_image(image))


def test_a_transformer() -> None:
    clip, image = transformer(), torch.rand(2, 3, 16, 16, requires_grad=True)
    layers, features = layer_features(clip, image, "block2")
    assert {name: output.shape for name, output in layers.items()} == {"block2": (2, 5, 16)}
    visual = clip.model.visual
    assert torch.allclose(visual.ln_post(layers["block2"][:, 0]) @ visual.proj, visual(clip.preprocess_image(image)))
    layers["block2"].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_no_hook_stays() -> None:
    clip = transformer()
    with pytest.raises(UsageError, match="has no layer 'layer2'; it has block0, block1, block2"):
        layer_features(clip, torch.rand(1, 3, 16, 16), "layer2")
    layer_features(clip, torch.rand(1, 3, 16, 16))
    assert not any(module._forward_hooks for module in clip.modules())
