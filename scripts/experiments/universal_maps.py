"""Maps from a latent, CLIP's feature of its image and a wanted change of that feature to a step in W, from samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.latents import Space
from styleclip.models import Models
from styleclip.samples import Regression, Samples
from styleclip.stylespace.class_means import ClassMeans
from styleclip.stylespace.regression import fit_regression
from styleclip.stylespace.samples import sample_w

HELD = 1000  # last samples, left out of the training
BATCH = 256
HIDDEN = 512
LEARNING_RATE = 1e-3
LINEAR_PAIRS = 200_000
RIDGE = 1e-3  # of the linear map, times the mean of the diagonal
BANDWIDTH = 0.5  # of LocalMeans, in CLIP's feature space, where two samples are 1.3 apart


@dataclass(frozen=True)
class Fits:
    """What samples teach: the regression of W on CLIP's features, and maps by name."""

    regression: Regression
    networks: Mapping[str, nn.Module]

    def unseen(self, w: Tensor, features: Tensor) -> Tensor:
        """[N, w_dim]: the part of w that the regression does not tell from the features [N, D]."""
        fit = self.regression
        return w - fit.mean - fit(features - fit.feature_mean)


@dataclass(frozen=True)
class Pairs:
    """Samples in random pairs: w [N, w_dim] and features [N, D]."""

    w: Tensor
    features: Tensor

    def draw(self, count: int, stream: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """w_i, f_i, the condition `t (f_j - f_i)` and the target `t (w_j - w_i)` of pairs, with t uniform in [0, 1]."""
        i, j = torch.randint(len(self.w), (2, count), generator=stream)
        t = torch.rand(count, 1, generator=stream)
        return self.w[i], self.features[i], t * (self.features[j] - self.features[i]), t * (self.w[j] - self.w[i])


class UniversalMap(nn.Module):
    """`step = c @ A + |c| * std * M(w, f, c)`, with the matrix A of the regression and w in standard deviations.

    M is a network whose last layer is 0 at first, or linear (`LinearMap`). Without `sees_w` it is not given w. With a
    `base` M is added to that of another map.
    """

    def __init__(self, fit: Regression, sees_w: bool = True, base: UniversalMap | None = None) -> None:
        super().__init__()
        self.fit, self.sees_w, self.base = fit, sees_w, base
        inputs = 2 * len(fit.feature_mean) + 1 + (len(fit.mean) if sees_w else 0)
        self.first = nn.Linear(inputs, HIDDEN)
        self.residual = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN) for _ in range(2))
        self.last = nn.Linear(HIDDEN, len(fit.mean))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, w: Tensor, features: Tensor, condition: Tensor) -> Tensor:
        """The step [N, w_dim]."""
        length = _length(condition)
        return self.fit(condition) + length * self.fit.std * self.network(w, features, condition)

    def network(self, w: Tensor, features: Tensor, condition: Tensor) -> Tensor:
        """M: [N, w_dim], in deviations for a condition of length 1."""
        x = _inputs(self.fit, w, features, condition)
        x = F.silu(self.first(x if self.sees_w else x[:, w.shape[1] :]))
        for layer in self.residual:
            x = x + F.silu(layer(x))
        out: Tensor = self.last(x)
        return out if self.base is None else out + self.base.network(w, features, condition)

    def error(self, w: Tensor, features: Tensor, condition: Tensor, target: Tensor) -> Tensor:
        """The mean squared error in deviations for conditions of length 1."""
        wanted = (target - self.fit(condition)) / _length(condition) / self.fit.std
        return F.mse_loss(self.network(w, features, condition), wanted)


class LinearMap(UniversalMap):
    """The map whose M is linear, by least squares over pairs."""

    def __init__(self, fit: Regression, pairs: Pairs, stream: torch.Generator) -> None:
        super().__init__(fit)
        w, features, condition, target = pairs.draw(LINEAR_PAIRS, stream)
        x = _inputs(fit, w, features, condition)
        y = (target - fit(condition)) / _length(condition) / fit.std
        square = x.T @ x
        square += RIDGE * square.diagonal().mean() * torch.eye(len(square))
        self.matrix = torch.linalg.solve(square, x.T @ y)

    def network(self, w: Tensor, features: Tensor, condition: Tensor) -> Tensor:
        return _inputs(self.fit, w, features, condition) @ self.matrix


def _length(condition: Tensor) -> Tensor:
    return condition.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _inputs(fit: Regression, w: Tensor, features: Tensor, condition: Tensor) -> Tensor:
    """w in deviations, the centred feature, and direction and length of the condition, all of about unit variance."""
    length, scale = _length(condition), len(fit.feature_mean) ** 0.5
    parts = (w - fit.mean) / fit.std, scale * (features - fit.feature_mean), scale * condition / length, length
    return torch.cat(parts, dim=1)


def train(network: UniversalMap, pairs: Pairs, steps: int, seed: int = 0) -> UniversalMap:
    """Train M by AdamW with one learning rate cycle."""
    stream = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.05)
    for _ in range(steps):
        loss = network.error(*pairs.draw(BATCH, stream))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def fit_maps(models: Models, samples: Samples, steps: int) -> Fits:
    """The regression and the maps, with the share of the variance of held-out pairs that each explains printed.

    With 0 steps the regression alone.
    """
    regression = fit_regression(models.generator, samples, Space.W)
    if not steps:
        return Fits(regression, {})
    w, stream = sample_w(models.generator, samples), torch.Generator().manual_seed(1)
    pairs, held = Pairs(w[:-HELD], samples.features[:-HELD]), Pairs(w[-HELD:], samples.features[-HELD:])
    fit = fit_regression(models.generator, samples.first(len(samples) - HELD), Space.W)
    torch.manual_seed(0)
    linear = LinearMap(fit, pairs, stream).requires_grad_(False)
    networks = {
        "linear map of (w, f, c)": linear,
        "mapper": train(UniversalMap(fit), pairs, steps),
        "mapper on the linear map": train(UniversalMap(fit, base=linear), pairs, steps),
        "mapper without w": train(UniversalMap(fit, sees_w=False), pairs, steps),
    }
    tested = held.draw(4000, stream)
    print(f"explained: regression {_explained(fit, tested, fit(tested[2])):.3f}", end="")
    for name, network in networks.items():
        print(f", {name} {_explained(fit, tested, network(*tested[:3])):.3f}", end="")
    print(flush=True)
    return Fits(regression, networks)


def _explained(fit: Regression, tested: Sequence[Tensor], step: Tensor) -> float:
    target = tested[3] / fit.std
    return 1 - ((step / fit.std - target).square().sum() / target.square().sum()).item()


class LocalMeans:
    """Class means over samples that are like the face in all but the claim.

    The weight of a sample falls as a Gaussian of BANDWIDTH with the distance between the features, without the plane of
    the class means.
    """

    def __init__(self, models: Models, samples: Samples) -> None:
        self.w, self.features = sample_w(models.generator, samples), samples.features

    def __call__(self, claims: Sequence[ClassMeans], features: Tensor) -> Tensor:
        """dW [N, w_dim] of faces with these features [N, D]."""
        return torch.stack([self._step(means, features) for means in claims]).sum(dim=0)

    def _step(self, means: ClassMeans, features: Tensor) -> Tensor:
        others = means.features[1:] - means.features[:1]
        plane = torch.linalg.qr(others.T).Q  # [D, K - 1]
        distance = torch.cdist(features - features @ plane @ plane.T, self.features - self.features @ plane @ plane.T)
        near = (-distance.square() / (2 * BANDWIDTH**2)).softmax(dim=1)  # [N, samples]
        moves, labels = means.classes.moves(features), means.classes.probabilities(self.features)
        step = torch.zeros(len(features), self.w.shape[1])
        for k in range(moves.shape[1]):
            weights = near * labels[:, k]
            step += moves[:, k : k + 1] * (weights @ self.w) / weights.sum(dim=1, keepdim=True).clamp(min=1e-20)
        return step
