"""The columns of an evaluation: what an edit did, against the ideal edit of the same face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.demo.judge import Judge
from styleclip.evaluate.demo_world.limits import LIMITED, Limits
from styleclip.evaluate.demo_world.task import Task
from styleclip.evaluate.demo_world.verdicts import flips, shown_claims
from styleclip.evaluate.pixels import difference, gamut, halo, masked_mean
from styleclip.results import EditResult

COLUMNS = (
    *("clean", "hit", "flips", "bg", "still", "halo", "gamut", "to_ideal"),
    *("identity", "clip_gain", "seconds"),
)


@dataclass(frozen=True)
class Measures:
    """Of N edits, all [N].

    Args:
        columns: the COLUMNS.
        missed: claimed attribute -> bool, whether the claim is missing.
        flipped: other attribute -> bool, whether it flipped.
    """

    columns: Mapping[str, Tensor]
    missed: Mapping[str, Tensor]
    flipped: Mapping[str, Tensor]


def measure(task: Task, result: EditResult, judge: Judge, limits: Limits) -> Measures:
    """Measure the edits of a task; docs/evaluation.md defines the columns."""
    edited = result.after.float().cpu().clamp(-1, 1)
    verdict = judge.predict(edited)
    shown = shown_claims(verdict, task.claims)
    flipped = flips(task.source.verdict, verdict, task.claims)
    before = task.source.images
    columns = {
        "hit": torch.stack([*shown.values()]).all(dim=0).float(),
        "flips": torch.stack([*flipped.values()]).sum(dim=0).float(),
        "bg": masked_mean(difference(edited, task.ideal if "background" in task.claims else before), task.background),
        "still": masked_mean(difference(edited, before), task.still),
        "halo": halo(edited, task.background),
        "gamut": gamut(edited, limits.chroma),
        "to_ideal": difference(edited, task.ideal).flatten(1).mean(dim=1),
        "identity": torch.tensor([score.get("identity", 1.0) for score in result.scores]),
        "clip_gain": torch.tensor([score["clip_after"] - score["clip_before"] for score in result.scores]),
        "seconds": torch.full((len(edited),), result.seconds / len(edited)),
    }
    clean = is_clean(columns, limits).float()
    return Measures({"clean": clean, **columns}, {name: ~each for name, each in shown.items()}, flipped)


def is_clean(columns: Mapping[str, Tensor], limits: Limits) -> Tensor:
    """[N] bool: every claim is there, no other attribute has changed, and no limit is exceeded."""
    within = torch.stack([limits.within(name, columns[name]) for name in LIMITED]).all(dim=0)
    return (columns["hit"] > 0) & (columns["flips"] == 0) & within
