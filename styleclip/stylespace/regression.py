"""Ridge regression from CLIP's features to latents, with the shrinkage chosen by held-out samples.

With the centred features F [N, D] and latents Y [N, C] of N samples, and m, the mean of the diagonal of F'F / N:

    A = (F'F / N + ridge * m * I)^-1 F'Y / N
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import float32_default
from styleclip.samples import Regression, Samples
from styleclip.stylespace.samples import sample_models, sample_w

SPACES = (Space.W, Space.S)
RIDGES = tuple(10 ** (k / 4) for k in range(-24, 9))  # 1e-6 to 100; ridges to choose from
FOLDS = 5  # of the cross-validation
LEAST_SAMPLES = 2 * FOLDS
ROWS = 1000  # of S held at once: 73 MB in float64 at 1024 px


@float32_default()
@torch.inference_mode(False)
def models_regression(models: Models, samples: Samples, space: Space, on_step: OnStep = ignore) -> Regression:
    """The regression of these samples: that of their file, else fitted at the first call and kept for the process."""
    models = sample_models(models)  # whose S the samples have
    key = ("regression", samples, space)
    if key not in models.memo:
        models.memo[key] = samples.fits.get(space) or fit_regression(models.generator, samples, space, on_step=on_step)
    fit: Regression = models.memo[key]
    return fit


def fit_all(generator: Generator, samples: Samples) -> Samples:
    """These samples with their regressions in W and S."""
    return replace(samples, fits={space: fit_regression(generator, samples, space) for space in SPACES})


@torch.no_grad()
def fit_regression(
    generator: Generator, samples: Samples, space: Space, ridge: float | None = None, on_step: OnStep = ignore
) -> Regression:
    """Fit W or S of the samples to their features.

    Without `ridge` it is the one of RIDGES that explains most of the variance of held-out samples, in a
    cross-validation of FOLDS contiguous parts. Every channel is measured in its own standard deviations: the styles of
    one layer are larger than those of another, and the strength of an edit counts in deviations as well. With `ridge` 0
    the fit is that of least squares; where it is not unique, the smallest.

    The sums over samples are float64 and are added up in blocks, so S is never held as a whole. A step counts samples.
    Raises SpaceError for other spaces, and UsageError for fewer than LEAST_SAMPLES samples and a ridge below 0.
    """
    if space not in SPACES:
        raise SpaceError(f"a regression gives w or s, not {space.value}; fit one of these")
    if len(samples) < LEAST_SAMPLES:
        raise UsageError(f"{len(samples)} samples are too few for a regression; draw at least {LEAST_SAMPLES}")
    if ridge is not None and ridge < 0:
        raise UsageError(f"ridge is {ridge:g}; it must be 0 or more")
    shift, folds = _fold_sums(generator, samples, space, on_step)
    whole = functools.reduce(operator.add, folds)
    variance = whole.about(whole.means).yy / whole.count
    weights = torch.where(variance > 0, 1 / variance, 0.0)
    ridges = variance.new_tensor(RIDGES if ridge is None else (ridge,))
    explained = _explained_variance(folds, whole, ridges, weights)
    best = int(explained.argmax())
    matrix = _RidgeSolver(whole).matrix(ridges[best])
    means = whole.means[0] + shift[0], whole.means[1] + shift[1]
    matrix, feature_mean, mean, std = (each.float().cpu() for each in (matrix, *means, variance.sqrt()))
    chosen, share = float(ridges[best]), float(explained[best])
    return Regression(space, matrix, feature_mean, mean, std, chosen, share, len(samples))


@dataclass(frozen=True)
class _Sums:
    """Sums of products over n samples of a feature f [D] and a latent y [C], in float64."""

    count: int
    f: Tensor  # [D]
    y: Tensor  # [C]
    ff: Tensor  # [D, D]
    fy: Tensor  # [D, C]
    yy: Tensor  # [C], of squares

    @staticmethod
    def of(f: Tensor, y: Tensor) -> _Sums:
        """The sums over rows of f [n, D] and y [n, C]."""
        return _Sums(len(f), f.sum(dim=0), y.sum(dim=0), f.T @ f, f.T @ y, y.square().sum(dim=0))

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(*map(operator.add, vars(self).values(), vars(other).values()))

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(*map(operator.sub, vars(self).values(), vars(other).values()))

    @property
    def means(self) -> tuple[Tensor, Tensor]:
        return self.f / self.count, self.y / self.count

    def about(self, means: tuple[Tensor, Tensor]) -> _Sums:
        """The sums of `f - means[0]` and `y - means[1]`."""
        n, (f, y) = self.count, means
        return _Sums(
            n,
            self.f - n * f,
            self.y - n * y,
            self.ff - torch.outer(self.f, f) - torch.outer(f, self.f) + n * torch.outer(f, f),
            self.fy - torch.outer(self.f, y) - torch.outer(f, self.y) + n * torch.outer(f, y),
            self.yy - 2 * self.y * y + n * y.square(),
        )


class _RidgeSolver:
    """The fits of one set of sums for all ridges, by the eigenvectors Q of F'F / N: `A = Q diag(1 / d) Q' F'Y / N`."""

    def __init__(self, sums: _Sums) -> None:
        centered = sums.about(sums.means)
        self.values, self.vectors = torch.linalg.eigh(centered.ff / sums.count)  # [D], [D, D]
        self.rotated = self.vectors.T @ (centered.fy / sums.count)  # Q' F'Y / N, [D, C]

    def inverse(self, ridge: Tensor) -> Tensor:
        """`1 / d` for `d = eigenvalues + ridge * their mean`: [..] -> [.., D]; 0 where d is 0 up to rounding."""
        denominator = self.values.clamp(min=0) + ridge[..., None] * self.values.mean()
        smallest = len(self.values) * torch.finfo(self.values.dtype).eps * self.values.max()
        return torch.where(denominator > smallest, 1 / denominator, 0.0)

    def matrix(self, ridge: Tensor) -> Tensor:
        """A [D, C]."""
        return self.vectors @ (self.inverse(ridge)[:, None] * self.rotated)

    def residual(self, held: _Sums, ridges: Tensor, weights: Tensor) -> Tensor:
        """`sum_n sum_c weights[c] (y - f A)^2` over other samples, whose sums are about the means of the fit: [R]."""
        linear = (self.vectors.T @ held.fy * self.rotated) @ weights  # [D]
        quadratic = (self.vectors.T @ held.ff @ self.vectors) * (self.rotated * weights @ self.rotated.T)  # [D, D]
        inverse = self.inverse(ridges)  # [R, D]
        return held.yy @ weights - 2 * inverse @ linear + (inverse @ quadratic * inverse).sum(dim=1)


def _explained_variance(folds: list[_Sums], whole: _Sums, ridges: Tensor, weights: Tensor) -> Tensor:
    """The share of the weighted variance of every fold that the fit of the others explains, for each ridge: [R]."""
    residual, total = torch.zeros_like(ridges), torch.zeros_like(ridges[0])
    for fold in folds:
        others = whole - fold
        held = fold.about(others.means)
        residual = residual + _RidgeSolver(others).residual(held, ridges, weights)
        total = total + held.yy @ weights
    return torch.where(total > 0, 1 - residual / total, 0.0)


def _fold_sums(
    generator: Generator, samples: Samples, space: Space, on_step: OnStep
) -> tuple[tuple[Tensor, Tensor], list[_Sums]]:
    """The first sample, feature and latent, and the sums over every fold of the differences from it.

    So a channel that does not vary has a variance of 0.
    """
    w = sample_w(generator, samples)
    f = samples.features.to(w.device, torch.float64)
    first = _latents(generator, w[:1], space)[0]
    folds, done = [], 0
    for fold in torch.arange(len(w), device=w.device).tensor_split(FOLDS):
        parts = []
        for rows in fold.split(ROWS):
            parts.append(_Sums.of(f[rows] - f[0], _latents(generator, w[rows], space) - first))
            done += len(rows)
            on_step(Step(done, len(w), stage="regression"))
        folds.append(functools.reduce(operator.add, parts))
    return (f[0], first), folds


def _latents(generator: Generator, w: Tensor, space: Space) -> Tensor:
    """W or S [n, C] in float64."""
    return generator.to_space(Latent(Space.W, w), space).data.double()
