"""The measures of edits, by judges; docs/evaluation.md defines them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.evaluate.held_out.bank_reader import BankReader, Flips, Verdict
from styleclip.evaluate.held_out.judges import Judges
from styleclip.evaluate.held_out.task import Task
from styleclip.evaluate.pixels import difference, masked_mean
from styleclip.images import to_rgb
from styleclip.losses import similarity

MAX_OUTSIDE = 6.0  # of a clean edit: mean absolute change outside the region of the prompt, in 1/255
MIN_OUTSIDE = 0.02  # share of the frame outside the region, with less of which nothing is measured there
BATCH = 32  # pictures that the judges see together
MIN_CHANGE = 1e-4  # length of a change of unit features that has a direction


@dataclass(frozen=True, eq=False)
class Seen:
    """N pictures as the judges see them.

    Args:
        images: [N, 3, H, W] in [-1, 1].
        features: [N, D], the CLIP's.
        verdict: the attributes of the bank.
        person: [N, E], the recogniser's features; None without one.
    """

    images: Tensor
    features: Tensor
    verdict: Verdict
    person: Tensor | None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Tensor | slice) -> Seen:
        verdict = {name: probabilities[rows] for name, probabilities in self.verdict.items()}
        person = None if self.person is None else self.person[rows]
        return Seen(self.images[rows], self.features[rows], verdict, person)


@torch.no_grad()
def see(judges: Judges, reader: BankReader, images: Tensor) -> Seen:
    """What the judges see in images [N, 1..4, H, W], BATCH at a time."""
    images = to_rgb(images.float().clamp(-1, 1))
    parts = images.split(BATCH)
    features = torch.cat([judges.clip.encode_image(part) for part in parts])
    person = None if judges.identity is None else torch.cat([judges.identity.embed(part) for part in parts])
    return Seen(images, features, reader.verdict(features), person)


@torch.no_grad()
def measure(
    task: Task, judges: Judges, reader: BankReader, before: Seen, after: Seen
) -> tuple[dict[str, Tensor], Flips | None]:
    """The measures [N] of edits, without seconds and memory, and what flipped.

    Flips are left out where the CLIP can tell no attribute but those of the claims; what lies outside of the region,
    where it is nearly the whole frame.
    """
    flips = reader.flips(before.verdict, after.verdict, task.claimed)
    change = difference(after.images, before.images)
    step = after.features - before.features
    length = step.norm(dim=1)
    reached, started = after.features @ task.target, before.features @ task.target
    columns = {
        "success": task.is_shown(after.features).float(),
        "target_similarity": reached,
        "target_gain": reached - started,
        "directional_similarity": torch.where(length > MIN_CHANGE, step @ task.direction / length, 0.0),
        "l1": change.flatten(1).mean(dim=1),
    }
    if after.person is not None and before.person is not None:
        columns["identity"] = similarity(before.person, after.person)
    outside = ~task.region.expand(len(change), -1, -1)
    clean = columns["success"] > 0
    if flips is not None:
        columns |= {"flips": flips.count, "kept": 1 - flips.count / flips.visible.clamp(min=1)}
        clean &= flips.count == 0
    if outside.float().mean() >= MIN_OUTSIDE:
        columns["l1_outside"] = masked_mean(change, outside)
        clean &= columns["l1_outside"] <= MAX_OUTSIDE
        if judges.perceptual is not None:
            kept = torch.where(task.region, before.images, after.images)
            columns["lpips_outside"] = judges.perceptual.distance(before.images, kept)
    return {**columns, "clean": clean.float()}, flips
