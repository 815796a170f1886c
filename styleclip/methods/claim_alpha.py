"""alpha="auto" by regression: 1, where the samples are that show the claims, or more if CLIP is not sure there.

The strengths of a ladder are rendered in one batch; the first that is enough is refined by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.results import SHOWN
from styleclip.stylespace.claim_classes import ClaimClasses, least_shown

LADDER = (1.0, 1.2, 1.4, 1.6)
BISECTIONS = 2
IDENTITY_BISECTIONS = 5  # from 0, for images that lose the person
PLATEAU = 0.92  # accept at this fraction of the image's largest probability

Edit = Callable[[Tensor, Tensor], Latent]  # rows [B] of the source, alpha [B] -> the edited rows


@torch.no_grad()
def claim_alpha(
    models: Models,
    source: Latent,
    features: Tensor,
    classes: Sequence[ClaimClasses],
    edit: Edit,
    sure: float,
    target_identity: float | None = None,
    on_step: OnStep = ignore,
) -> Tensor:
    """The alpha [N] of every image of `source` [N, C] in S, each found on its own; 0 where all claims are shown.

    `features` [N, D] are CLIP's of the source, `classes` those of every claim.

    An image shows a claim when CLIP gives its targets the probability `sure` among the alternatives or, where these are
    not known, when its score is that of the tenth of the samples that show it most. Where the ladder does not get
    there, PLATEAU times the image's largest probability is enough. With `target_identity` no more than keeps the
    face's similarity at that. Raises UsageError for a target identity without a face recogniser.
    """
    probe = _Probe(models, source, classes, edit, target_identity)
    count, device = len(source), models.device
    rows = torch.arange(count, device=device)
    ladder = torch.tensor(LADDER, device=device)
    every = probe.probability(rows.repeat(len(ladder)), ladder.repeat_interleave(count))
    probability = every.view(len(ladder), count)
    on_step(Step(1, BISECTIONS + 1, {"loss": 1 - probability.amax(dim=0).mean().item()}))
    wanted = (PLATEAU * probability.amax(dim=0)).clamp(max=sure)
    first = (probability >= wanted).float().argmax(dim=0)
    high, low = ladder[first], ladder[(first - 1).clamp(min=0)]
    for index in range(BISECTIONS):
        middle = (low + high) / 2
        probability = probe.probability(rows, middle)
        low, high = _halve(low, high, middle, probability >= wanted)
        on_step(Step(index + 2, BISECTIONS + 1, {"loss": 1 - probability.mean().item()}))
    alpha = torch.where(least_shown(classes, features) >= SHOWN, 0.0, high)
    return alpha if target_identity is None else _keep_person(probe, rows, alpha)


def _keep_person(probe: _Probe, rows: Tensor, alpha: Tensor) -> Tensor:
    """`alpha` [N], or for images that lose the person there the largest strength found that does not."""
    kept = probe.keeps(rows, alpha)
    low, high = torch.zeros_like(alpha), alpha
    for _ in range(IDENTITY_BISECTIONS):
        middle = (low + high) / 2
        low, high = _halve(low, high, middle, ~probe.keeps(rows, middle))
    return torch.where(kept, alpha, low)


def _halve(low: Tensor, high: Tensor, middle: Tensor, enough: Tensor) -> tuple[Tensor, Tensor]:
    """The half of every interval in which the first strength lies that is enough."""
    return torch.where(enough, low, middle), torch.where(enough, middle, high)


class _Probe:
    """Measures edited images: the probability of the claim that is shown least, and whether the person is kept."""

    def __init__(
        self,
        models: Models,
        source: Latent,
        classes: Sequence[ClaimClasses],
        edit: Edit,
        target_identity: float | None,
    ) -> None:
        models = models.with_transform(None)  # recognisers expect a face where the generator draws it
        self.models, self.classes, self.edit, self.target_identity = models, classes, edit, target_identity
        if target_identity is not None:
            self.people = self._embed(source)

    def probability(self, rows: Tensor, alpha: Tensor) -> Tensor:
        """[B] for rows [B] of the source at strengths [B]."""
        return least_shown(self.classes, self.models.clip_features(self.edit(rows, alpha)))

    def keeps(self, rows: Tensor, alpha: Tensor) -> Tensor:
        """[B] bool for rows [B] of the source at strengths [B]."""
        return similarity(self._embed(self.edit(rows, alpha)), self.people[rows]) >= (self.target_identity or 0.0)

    def _embed(self, latent: Latent) -> Tensor:
        if self.models.identity is None:
            raise UsageError("a target identity needs a face recogniser; pass --identity, or leave it out")
        return self.models.identity.embed(self.models.render(latent))
