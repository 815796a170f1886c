"""The states of a claim as CLIP tells them apart: zero-shot classes of images (Radford et al. 2021, section 3.1).

The classes of a claim are its target sentences and its alternatives. Those that the generator does not draw are left
out. A claim without alternatives has two classes: the tenth of the samples that show it most, and the lower half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from styleclip.claims import Claim, describe_claims
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.prompt_words import check_words, unknown_words
from styleclip.prompts import Prompt, encode
from styleclip.runtime.image_by_image import row_products
from styleclip.samples import Samples
from styleclip.settings import TextEncoding

MIN_RELATIVE_CONFIDENCE = 0.85  # of a class, relative to the mean of all; less certain classes are not drawn
MOST, LEAST = 0.9, 0.5  # quantiles of the samples' score that bound the classes of a claim without alternatives


@dataclass(frozen=True)
class ClaimClasses:
    """A zero-shot classifier of images into the states of a claim.

    Args:
        claim: what the prompt asks for.
        texts: the sentence of every class, the targets first.
        features: [K, D], their unit features.
        scale: CLIP's logit scale.
        targets: how many classes are targets.
        edges: where alternatives are not known: the scores (cosines with the target) at the LEAST and the MOST quantile
            of the samples.
    """

    claim: Claim
    texts: tuple[str, ...]
    features: Tensor
    scale: float
    targets: int = 1
    edges: tuple[float, float] | None = None

    def check(self, alternatives: int) -> None:
        """Raise ValueError unless texts, features and numbers fit together and to a number of alternatives."""
        texts, targets = len(self.texts), self.targets
        counts = len(self.features) == texts and type(targets) is int and 0 < targets < texts
        numbers = all(type(each) in (int, float) for each in (self.scale, *(self.edges or ())))
        known = all(type(text) is str for text in (*self.texts, self.claim.phrase, *self.claim.targets))
        if not (counts and numbers and known) or alternatives != (texts - targets if self.edges is None else 1):
            raise ValueError("the classes do not fit together")

    def probabilities(self, features: Tensor) -> Tensor:
        """[N, K] of images with these unit features [N, D]; without alternatives the score between both edges."""
        if self.edges is None:
            return _zero_shot(self.scale, features, self.features)
        low, high = self.edges
        most = ((row_products(features, self.features[0].to(features)) - low) / (high - low)).clamp(0, 1)
        return torch.stack([most, 1 - most], dim=1)

    def neutrals(self, features: Tensor) -> Tensor:
        """[N, K - targets]: how much an image shows of each alternative, relative to the others; the sum is 1."""
        if self.edges is not None:
            return torch.ones(len(features), 1).to(features)
        return _zero_shot(self.scale, features, self.features[self.targets :])

    def shows(self, features: Tensor) -> Tensor:
        """[N]: the probability that an image shows the claim."""
        return self.probabilities(features)[:, : self.targets].sum(dim=1)

    def moves(self, features: Tensor) -> Tensor:
        """[N, K]: how much of every class an edit adds to an image; the sum is 0.

        The probability of the alternatives goes to the targets, in proportion to their own.
        """
        probability = self.probabilities(features)
        onto, away = probability[:, : self.targets], probability[:, self.targets :]
        share = (onto + 1e-6) / (onto + 1e-6).sum(dim=1, keepdim=True)
        return torch.cat([share * away.sum(dim=1, keepdim=True), -away], dim=1)


def claim_classes(models: Models, prompt: Prompt, samples: Samples, text: TextEncoding) -> list[ClaimClasses]:
    """The classes of every claim of a prompt, for the pictures that these samples show."""
    return [
        _with_alternatives(models.clip, claim, samples, text)
        if claim.alternatives
        else _without_alternatives(models.clip, claim, prompt, samples, text)
        for claim in known_claims(prompt, models)
    ]


def known_claims(prompt: Prompt, models: Models) -> list[Claim]:
    """The claims of a prompt.

    The table of alternatives is one of portraits: for a generator of anything else the prompt is one claim. Raises
    UsageError for a claim in words that a small CLIP does not know. A forced prompt has it left out, with a
    PromptWarning, where others are left.
    """
    clip = models.clip
    if not models.defaults.get("align", {}).get("faces", True) and prompt.neutral is None:
        claims: tuple[Claim, ...] = (Claim(prompt.target, None, (prompt.target,)),)
    else:
        claims = prompt.claims(clip.vocabulary)
    check_words(clip, [text for claim in claims for text in (*claim.targets, *claim.alternatives)], prompt.force)
    known = [claim for claim in claims if claim.attribute or not unknown_words(clip, claim.targets)]
    return _count_once(known or claims)


def _count_once(claims: Sequence[Claim]) -> list[Claim]:
    """The claims, each alternative in the first that has it: a bald head goes once, for colour and curls together."""
    found: list[Claim] = []
    for claim in claims:
        earlier = {text for other in found for text in other.alternatives}
        rest = tuple(text for text in claim.alternatives if text not in earlier)
        found.append(replace(claim, alternatives=rest) if rest else claim)
    return found


def least_shown(classes: Sequence[ClaimClasses], features: Tensor) -> Tensor:
    """[N]: the probability that an image shows the claim that it shows least, of several."""
    return torch.stack([each.shows(features) for each in classes]).amin(dim=0)


def sample_labels(classes: ClaimClasses, samples: Samples) -> Tensor:
    """[N, K]: how much every sample belongs to each class; the columns sum to 1 each."""
    features = samples.features.to(classes.features)
    if classes.edges is None:
        labels = classes.probabilities(features)
    else:
        score, (low, high) = features @ classes.features[0], classes.edges
        labels = torch.stack([score >= high, score <= low], dim=1).float()
    return labels / labels.sum(dim=0).clamp(min=1e-9)


def _with_alternatives(clip: CLIP, claim: Claim, samples: Samples, text: TextEncoding) -> ClaimClasses:
    """The class with the lowest confidence is dropped until all are about as certain as the mean.

    The confidence of a class is the mean of its own probability over the samples, weighed by that probability: samples
    that are the picture of a text have it near 1.
    """
    texts, targets = [*claim.targets, *claim.alternatives], len(claim.targets)
    encoded = encode(clip, texts, text)
    features, scale, kept = samples.features.to(encoded), clip.logit_scale, list(range(len(texts)))
    while len(kept) > targets + 1:
        probability = _zero_shot(scale, features, encoded[kept])
        squares = probability.square().sum(dim=0)
        confidence = squares[targets:] / probability.sum(dim=0)[targets:]
        if confidence.min() >= MIN_RELATIVE_CONFIDENCE * squares.sum() / len(features):
            break
        del kept[targets + int(confidence.argmin())]
    return ClaimClasses(claim, tuple(texts[i] for i in kept), encoded[kept], scale, targets)


def _without_alternatives(
    clip: CLIP, claim: Claim, prompt: Prompt, samples: Samples, text: TextEncoding
) -> ClaimClasses:
    texts = (claim.targets[0], prompt.neutrals[0])
    encoded = encode(clip, texts, text)
    score = samples.features.to(encoded) @ encoded[0]
    low, high = torch.quantile(score, score.new_tensor([LEAST, MOST])).tolist()
    return ClaimClasses(claim, texts, encoded, clip.logit_scale, edges=(low, high))


def _zero_shot(scale: float, features: Tensor, texts: Tensor) -> Tensor:
    """[N, K]: the probability of each text for images, from unit features [N, D] and [K, D]."""
    return row_products(scale * features, texts.T.to(features)).softmax(dim=1)


def describe_classes(classes: Sequence[ClaimClasses]) -> list[dict[str, Any]]:
    """For the record: of every claim the words of the prompt, the targets and the alternatives that were used."""
    found = []
    for each in classes:
        alternatives = each.texts[each.targets :] if each.edges is None else ()
        claim = replace(each.claim, targets=each.texts[: each.targets], alternatives=alternatives)
        found.append({**asdict(claim), "understood": describe_claims([claim])[0]})
    return found


def classes_record(classes: ClaimClasses) -> dict[str, Any]:
    """What a file keeps of the classes besides their features."""
    claim = asdict(classes.claim)
    return {"claim": claim, "texts": list(classes.texts), "scale": classes.scale, "targets": classes.targets} | (
        {} if classes.edges is None else {"edges": list(classes.edges)}
    )


def classes_from_record(record: Mapping[str, Any], features: Tensor) -> ClaimClasses:
    """The classes of `classes_record`, with their features [K, D]."""
    claim: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record["claim"].items()
    }
    edges = record.get("edges")
    return ClaimClasses(
        Claim(**claim),
        tuple(record["texts"]),
        features,
        record["scale"],
        record["targets"],
        None if edges is None else (edges[0], edges[1]),
    )
