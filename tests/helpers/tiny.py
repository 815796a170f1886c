"""Small random networks for fast tests: every parameter differs from its initial constant."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.e4e import Encoder
from styleclip.networks.encoder_config import EncoderConfig
from styleclip.networks.face_recognition import SmallRecogniser
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.tokenizers import CompactTokenizer
from styleclip.relevance_table import RelevanceTable, StyleStatistics

TINY = StyleGAN2Config(z_dim=12, w_dim=8, mapping_widths=(10, 8), channels={4: 6, 8: 5, 16: 4})
CONTEXT = 24  # tokens; enough for the prompt templates
WORDS = ("a", "face", "with", "red", "hair", "old")


def tiny_generator(config: StyleGAN2Config = TINY, seed: int = 0) -> Generator:
    """A frozen generator with random biases, noise strengths and average w; the global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(config)
        for name, tensor in generator.state_dict().items():
            if name.endswith(("bias", "noise_strength", "w_avg")):
                tensor += 0.3 * torch.randn(tensor.shape)
    return generator.eval().requires_grad_(False)


def clip_config() -> dict[str, Any]:
    vision = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16}
    text = {"context_length": CONTEXT, "width": 16, "heads": 2, "layers": 1}
    return {
        "name": "tiny",
        "model": {"embed_dim": 10, "vision_cfg": vision, "text_cfg": text},
        "tokens": CompactTokenizer.tokens_of(WORDS),
        "vocabulary": (*WORDS, "an"),  # which has no token of its own
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.3, 0.4],
    }


def tiny_clip(seed: int = 0) -> CLIP:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_clip(clip_config()).eval().requires_grad_(False)


class TinyRecogniser(SmallRecogniser):
    """Two layers on small pictures."""

    side = 16

    def __init__(self, features: int) -> None:
        nn.Module.__init__(self)
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.SiLU(), nn.Flatten())
        self.head = nn.Linear(8 * 8 * 8, features)


def tiny_recogniser(features: int = 5) -> TinyRecogniser:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return TinyRecogniser(features).eval().requires_grad_(False)


def tiny_models(**changes: Any) -> Models:
    """An untrained generator, CLIP and recogniser."""
    return replace(Models(tiny_generator(), tiny_clip(), tiny_recogniser()), **changes)


def models_with_table(**changes: Any) -> Models:
    """Tiny models with a random relevance table."""
    models = tiny_models(**changes)
    table = random_relevance_table(models.generator.layout.size)
    return replace(models, relevance=lambda: table)


TINY_NUM_WS = tiny_generator().num_ws


def tiny_encoder(num_ws: int = TINY_NUM_WS) -> Encoder:
    """An encoder of random weights for the tiny generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = EncoderConfig(num_ws, w_dim=TINY.w_dim, widths=(4, 4, 4, TINY.w_dim), frame=64)
        return Encoder(config).eval().requires_grad_(False)


def random_relevance_table(channels: int, width: int = 10, seed: int = 0, **changes: Any) -> RelevanceTable:
    source = torch.Generator().manual_seed(seed)
    rows = F.normalize(torch.randn(channels, width, generator=source), dim=1)
    mean, std, effect = torch.rand(3, channels, generator=source) + 0.1
    return replace(RelevanceTable(rows, StyleStatistics(mean, std), effect), **changes)


def random_w_plus(count: int, num_ws: int = 6) -> Latent:
    """W+ [count, num_ws, w_dim] of the tiny generator."""
    source = torch.Generator().manual_seed(0)
    return Latent(Space.W_PLUS, torch.randn(count, num_ws, TINY.w_dim, generator=source))
