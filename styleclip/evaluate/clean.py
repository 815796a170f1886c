"""What an edit changed besides what was asked for, measured exactly: in the demo world the truth is known.

An edit is clean when the judge sees every claimed state, no other attribute has changed its state, the background has
changed by less than MAX_BACKGROUND and neither halo nor gamut is beyond what samples without an edit have.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.demo.captions import Claims
from styleclip.demo.ideal import ideal_z, unhidden
from styleclip.demo.judge import Judge, Verdict
from styleclip.demo.render import background_mask, render
from styleclip.demo.world import HIDDEN_BY, faces
from styleclip.latents import Latent, Space
from styleclip.models import Models

MAX_BACKGROUND = 6.0  # mean absolute change of the background, in 1/255
QUANTILE = 0.99  # of halo and gamut over samples without an edit
CHROMA_QUANTILE = 0.999  # of the renders; colours beyond it are out of gamut
LEVEL = 255 / 2  # of values in [-1, 1]
SAMPLES, SEED = 1000, 9  # for the limits of halo and gamut
MIN_LOST_PROBABILITY = 0.5  # an attribute changed when its state before the edit lost more than this
UNCHANGED = 1.0  # pixels that the ideal edit changes by less than this are left alone by it, in 1/255


@dataclass(frozen=True)
class Limits:
    """Of pictures without an edit: the chroma [H, W] of renders, and the QUANTILE of halo and of gamut of samples."""

    chroma: Tensor
    halo: float
    gamut: float

    @staticmethod
    def of(models: Models) -> Limits:
        z = torch.randn(SAMPLES, models.generator.config.z_dim, generator=torch.Generator().manual_seed(SEED))
        people = faces(z)
        chroma = F.max_pool2d(_chroma(render(people))[:, None], 3, stride=1, padding=1)[:, 0]
        limit = torch.quantile(chroma, CHROMA_QUANTILE, dim=0)
        images = models.render(Latent(Space.Z, z)).cpu()
        halos, gamuts = halo(images, erode(background_mask(people))), gamut(images, limit)
        return Limits(limit, *(torch.quantile(values, QUANTILE).item() for values in (halos, gamuts)))


@dataclass(frozen=True)
class Task:
    """Faces that lack something of a prompt, what it claims, and their ideal edit by generator and renderer."""

    claims: Claims
    z: Tensor  # [N, 64]
    before: Tensor  # [N, 3, H, W], by the generator
    ideal: Tensor  # the same faces with the claimed states, by the generator
    verdict: Verdict  # of `before`
    background: Tensor  # [N, H, W] bool: background before and after the ideal edit
    still: Tensor  # [N, H, W] bool: what the ideal edit leaves alone

    @staticmethod
    def of(models: Models, judge: Judge, z: Tensor, claims: Claims) -> Task:
        """The faces of z [N, 64] that lack a claimed state by the judge."""
        verdict = judge.predict(models.render(Latent(Space.Z, z)))
        z = z[~has_states(verdict, claims)]
        ideal = ideal_z(z, claims)
        before, after = (models.render(Latent(Space.Z, each)).cpu() for each in (z, ideal))
        people = faces(z), faces(ideal)
        change = (render(people[0]) - render(people[1])).abs().amax(dim=1) * LEVEL
        background = background_mask(people[0]) & background_mask(people[1])
        return Task(claims, z, before, after, judge.predict(before), erode(background), erode(change < UNCHANGED))

    def __len__(self) -> int:
        return len(self.z)


def measures(task: Task, edited: Tensor, judge: Judge, limits: Limits) -> dict[str, Tensor]:
    """The columns of an evaluation, [N] each, of the edited pictures [N, 3, H, W] of a task."""
    edited = edited.clamp(-1, 1)
    verdict = judge.predict(edited)
    reference = task.ideal if "background" in task.claims else task.before
    columns = {
        "hit": has_states(verdict, task.claims).float(),
        "flips": flips(task.verdict, verdict, task.claims).sum(dim=0).float(),
        "bg": _mean(_difference(edited, reference), task.background),
        "still": _mean(_difference(edited, task.before), task.still),
        "halo": halo(edited, task.background),
        "gamut": gamut(edited, limits.chroma),
        "to_ideal": _difference(edited, task.ideal).flatten(1).mean(dim=1),
    }
    clean = (columns["hit"] > 0) & (columns["flips"] == 0) & (columns["bg"] < MAX_BACKGROUND)
    clean &= (columns["halo"] <= limits.halo) & (columns["gamut"] <= limits.gamut)
    return {"clean": clean.float(), **columns}


def has_states(verdict: Verdict, claims: Claims) -> Tensor:
    """[N] bool: whether every claimed state is the most probable one, and nothing hides it."""
    states = {name: verdict[name].argmax(dim=1) for name in verdict}
    shown = [states[name] == state for name, state in claims.items()]
    hidden = [states[hider] == hiding for name in claims for hider, hiding in HIDDEN_BY.get(name, ())]
    return torch.stack([*shown, *(~each for each in hidden)]).all(dim=0)


def flips(before: Verdict, after: Verdict, claims: Claims) -> Tensor:
    """[attributes, N] bool: which of the other attributes clearly changed, where they can be seen before and after.

    What hid a claimed attribute may go.
    """
    rows = []
    for name in before:
        if name in claims:
            continue
        changed, visible = attribute_change(before, after, name)
        if name in unhidden(claims):
            changed = changed & (after[name].argmax(dim=1) != unhidden(claims)[name])
        rows.append(changed & visible)
    return torch.stack(rows)


def attribute_change(before: Verdict, after: Verdict, name: str) -> tuple[Tensor, Tensor]:
    """[N] bool: whether the attribute clearly changed, and whether it can be seen both before and after."""
    state = before[name].argmax(dim=1, keepdim=True)
    lost = (before[name] - after[name]).gather(1, state)[:, 0]
    changed = (after[name].argmax(dim=1) != state[:, 0]) & (lost > MIN_LOST_PROBABILITY)
    visible = torch.ones_like(changed)
    for hider, hiding in HIDDEN_BY.get(name, ()):
        visible &= (before[hider].argmax(dim=1) != hiding) & (after[hider].argmax(dim=1) != hiding)
    return changed, visible


def halo(images: Tensor, background: Tensor) -> Tensor:
    """[N]: r.m.s. in 1/255 of the background less the renderer's vignette, a fit of 1, x, y and x^2 + y^2 a channel."""
    size = images.shape[-1]
    x = ((torch.arange(size) + 0.5) / size * 2 - 1).expand(size, size)
    terms = torch.stack([torch.ones_like(x), x, x.T, x.square() + x.T.square()], dim=-1)  # [H, W, 4]
    rests = []
    for image, mask in zip(images, background, strict=True):
        basis, values = terms[mask].double(), image[:, mask].T.double()
        fit = basis @ torch.linalg.lstsq(basis, values).solution
        rests.append((values - fit).square().mean().sqrt().float() * LEVEL)
    return torch.stack(rests)


def gamut(images: Tensor, limit: Tensor) -> Tensor:
    """[N]: per cent of the pixels whose chroma is beyond that of renders at the same place."""
    return (_chroma(images) > limit).flatten(1).float().mean(dim=1) * 100


def erode(mask: Tensor) -> Tensor:
    """[N, H, W] bool without the pixels that touch others."""
    return F.max_pool2d((~mask).float()[:, None], 3, stride=1, padding=1)[:, 0] == 0


def _chroma(images: Tensor) -> Tensor:
    """[N, H, W]: largest less smallest of red, green and blue, of values in [-1, 1]."""
    return images.amax(dim=1) - images.amin(dim=1)


def _difference(one: Tensor, other: Tensor) -> Tensor:
    """[N, H, W]: mean over the channels of the absolute difference in 1/255."""
    return (one.clamp(-1, 1) - other.clamp(-1, 1)).abs().mean(dim=1) * LEVEL


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """[N]: means over the pixels of a mask [N, H, W]."""
    return (values * mask).flatten(1).sum(dim=1) / mask.flatten(1).sum(dim=1).clamp(min=1)
