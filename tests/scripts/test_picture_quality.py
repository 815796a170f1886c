"""The quality of generated pictures: perfect ones, soft ones, and the pictures of the demo generator."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from scripts.train_demo.picture_quality import PictureQuality, edge_energy
from styleclip.demo.judge import Judge, load_judge
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.weights.catalog import checkpoint_path


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge(checkpoint_path("demo/judge.safetensors"))


@pytest.fixture(scope="module")
def renders() -> Tensor:
    return render(faces(torch.randn(12, Z_DIM, generator=torch.Generator().manual_seed(0))), 128)


def test_renders_against_themselves(judge: Judge, renders: Tensor) -> None:
    quality = PictureQuality.of(renders, renders, judge)
    assert quality.l1 == 0 and quality.psnr == float("inf") and quality.edge_energy == 1
    assert abs(quality.frechet) < 1e-3


def test_soft_pictures(judge: Judge, renders: Tensor) -> None:
    soft = F.avg_pool2d(F.pad(renders, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    quality = PictureQuality.of(soft, renders, judge)
    error = (soft - renders).double()
    assert quality.l1 == pytest.approx(error.abs().mean().item(), rel=1e-4)
    assert quality.psnr == pytest.approx(-10 * torch.log10(error.square().mean() / 4).item(), rel=1e-4)
    assert quality.edge_energy < 0.5 and quality.frechet > 0.1


def test_edge_energy_by_hand() -> None:
    dot = torch.zeros(1, 1, 5, 5)
    dot[..., 2, 2] = 1
    assert edge_energy(dot) == pytest.approx((4**2 + 4 * 1) / 9)
