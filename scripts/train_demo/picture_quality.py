"""How near generated pictures are to the renders of the same faces: per pixel, in their edges, and as a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.demo.judge import Judge
from styleclip.evaluate.image_sets.distances import frechet_distance

JUDGE_PX = 64  # of the pictures that the judge learned from


@dataclass(frozen=True)
class PictureQuality:
    """Of generated pictures against renders.

    Args:
        l1: mean absolute difference in [-1, 1].
        psnr: peak signal to noise ratio of all pixels in dB.
        edge_energy: of the generated pictures, as a share of that of the renders: less than 1 is softer.
        frechet: distance on the features [256] of the judge's trunk; larger pictures are averaged to 64 px.
    """

    l1: float
    psnr: float
    edge_energy: float
    frechet: float

    @staticmethod
    def of(made: Tensor, renders: Tensor, judge: Judge) -> PictureQuality:
        """Pictures [N, 3, R, R] in [-1, 1] against the renders of the same latents."""
        return PictureQuality(
            (made - renders).abs().mean().item(),
            -10 * ((made - renders).square().mean() / 4).log10().item(),
            edge_energy(made) / edge_energy(renders),
            frechet_distance(*(trunk_features(judge, images) for images in (made, renders))),
        )


def edge_energy(images: Tensor) -> float:
    """The mean square of the Laplacian."""
    return laplacian(images).square().mean().item()


def laplacian(images: Tensor) -> Tensor:
    """Four times every pixel less its four neighbours, without the border: [N, C, H, W] -> [N, C, H - 2, W - 2]."""
    center, rows, columns = images[..., 1:-1, 1:-1], images[..., 1:-1], images[..., 1:-1, :]
    neighbours = rows[..., :-2, :] + rows[..., 2:, :] + columns[..., :-2] + columns[..., 2:]
    return 4 * center - neighbours


def trunk_features(judge: Judge, images: Tensor) -> Tensor:
    """Features [N, 256] of the judge before its heads."""
    reduced = F.avg_pool2d(images, images.shape[-1] // JUDGE_PX)
    return torch.cat([judge.trunk(part) for part in reduced.split(100)])
