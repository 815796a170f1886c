"""The judge of the demo world: a classifier of all attributes, which no loss ever uses.

It shares no weights with CLIP and was trained on renders only, so an edit cannot raise its score by fooling CLIP.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.demo.world import ATTRIBUTES
from styleclip.errors import WeightError
from styleclip.weights.safe_pickle.lazy_tensors import read_tensors
from styleclip.weights.safe_pickle.safetensors_files import read_safetensors

Verdict = dict[str, Tensor]  # attribute -> [N, states]


class Judge(nn.Module):
    """Classifies images [N, 3, H, W] in [-1, 1]: a probability for each state of each attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 48, 4, stride=2, padding=1, bias=False),
            *_norm_relu(48),
            _conv(48, 48),
            _conv(48, 96, stride=2),
            _conv(96, 96),
            _conv(96, 128, stride=2),
            _conv(128, 128),
            _conv(128, 160, stride=2),
            nn.Flatten(),
            nn.Linear(160 * 4 * 4, 256),
            nn.ReLU(),
        )
        self.heads = nn.ModuleDict({a.name: nn.Linear(256, len(a.states)) for a in ATTRIBUTES})

    def forward(self, images: Tensor) -> Verdict:
        """Logits [N, states] of every attribute."""
        if images.shape[-1] != 64:
            images = F.interpolate(images, (64, 64), mode="bilinear", antialias=True)
        features = self.trunk(images)
        return {name: head(features) for name, head in self.heads.items()}

    @torch.no_grad()
    def predict(self, images: Tensor) -> Verdict:
        """Probabilities [N, states] of every attribute."""
        return {name: logits.softmax(dim=1) for name, logits in self(images.clamp(-1, 1)).items()}


def load_judge(path: Path) -> Judge:
    """The trained judge, frozen; raises WeightError when the file is absent."""
    if not path.exists():
        raise WeightError(f"the judge's weights {path} are missing; reinstall styleclip")
    judge = Judge()
    judge.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in read_tensors(read_safetensors(path).value).items()}
    )
    return judge.eval().requires_grad_(False)


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, *_norm_relu(out_channels))


def _norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.ReLU()
