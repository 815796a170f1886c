"""Small CLIP models, and the features that plain torch gives with their weights."""

from collections.abc import Callable

import torch
from torch import Tensor

from styleclip.networks.clip import CLIP
from tests.helpers.clip_archives import (
    PlainCLIP,
    Weights,
)

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
TINY_VIT = {  # two heads of 64 in the vision tower, one in the text tower
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 128, "layers": 2},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
}
TINY_RESNET = TINY_VIT | {"vision_cfg": {"image_size": 64, "patch_size": None, "width": 16, "layers": [1, 2, 1, 1]}}
PICTURE = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
TEXTS = ["a person with purple hair", "it's 2021!"]
ROUNDING = 1e-5  # unit features in float32, added up in another order


def difference(clip: CLIP, weights: Weights, gelu: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """How far the features of pictures and of texts are from those of the plain network."""
    plain = PlainCLIP(weights, gelu)
    pixels = (PICTURE / 2 + 0.5 - MEAN) / STD
    image = (clip.encode_image(PICTURE) - plain.image(pixels)).abs().max()
    text = (clip.encode_text(TEXTS) - plain.text(clip.tokenizer(TEXTS))).abs().max()
    return float(image), float(text)
