"""`python -m benchmarks directions`: the useful range of text directions, against that in which the judge agrees.

The judge of the demo world, which `find_range` does not know, sees every face without and with an edit. It agrees with
an edit of a face where no other attribute changed (the rule of `evaluate`, docs/evaluation.md) and, above alpha 0, no
claim of the text lost more than half of its probability. Its range reaches, on both sides of 0, up to the alpha at
which it disagrees on half of the faces.
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import click
import torch
from torch import Tensor

import styleclip
from benchmarks.tools import Report, Setup, bench_command, markdown_table
from styleclip.demo.captions import Claims
from styleclip.demo.judge import Judge, load_judge
from styleclip.demo.wordings import Wording, load_wordings
from styleclip.directions.calibration import calibrated
from styleclip.directions.useful_range import find_range
from styleclip.editor import Editor
from styleclip.evaluate.demo_world.verdicts import flips
from styleclip.evaluate.flips import MIN_LOST_PROBABILITY
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.sliders import step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.catalog import checkpoint_path

FACES = {"tuning": 40, "reporting": 100}  # the first seeds of the set
ALPHAS = tuple(0.4 * 1.2**i for i in range(21))  # among which the judge is asked; the last one is 15.3
DISAGREED = 0.5  # of the faces, at the ends of the range
WITHIN = 0.25  # of the judge's alpha
QUICK_TEXTS, QUICK_FACES = 1, 4


class JudgedFaces(NamedTuple):
    """Faces, and the judge that looks at them and their edits."""

    models: Models
    judge: Judge
    source: Latent

    def verdict(self, latent: Latent) -> dict[str, Tensor]:
        return self.judge.predict(self.models.render(latent).float().cpu())


@bench_command
@click.option("--set", "name", type=click.Choice(list(FACES)), default="reporting", help="The texts and the faces.")
def directions(setup: Setup, name: Literal["tuning", "reporting"]) -> Report:
    """Compare the useful ranges of text directions with those in which the judge agrees."""
    models = styleclip.load("demo", device=setup.device, dtype=setup.dtype)
    chosen = load_wordings(name)
    texts, count = chosen.wordings, FACES[name]
    if setup.quick:
        texts, count = texts[:QUICK_TEXTS], QUICK_FACES
    source = models.generator.to_space(Editor(models).sample(seeds=list(chosen.seeds[:count])), Space.S)
    faces = JudgedFaces(models, load_judge(checkpoint_path("demo/judge.safetensors")), source)
    rows = [compare(faces, each) for each in texts]
    return Report(rows, markdown(rows))


def compare(faces: JudgedFaces, wording: Wording) -> dict[str, Any]:
    """The range of a text as `find_range` finds it and as the judge sees it, and their ratios on both sides."""
    models = faces.models
    found = calibrated(
        GlobalDirection(alpha=1.0, relevance="regression").find(models, Prompt(wording.text, force=True)), models
    )
    ours, judged = find_range(models, found), judge_range(faces, found, wording.claims)
    ratios = [mine / theirs for mine, theirs in zip(ours, judged, strict=True)]
    return {"text": wording.text, "unit": found.unit, "found": ours, "judge": judged, "ratios": ratios}


@torch.no_grad()
def judge_range(faces: JudgedFaces, found: StyleDirection, claims: Claims) -> tuple[float, float]:
    """The alphas below and above 0 at which the judge disagrees on half of the faces."""
    step = step_in_s(faces.models, found, faces.source)
    before = faces.verdict(faces.source)
    low, high = (_judged_end(faces, sign * step, before, claims if sign > 0 else {}, claims) for sign in (-1.0, 1.0))
    return -low, high


def _judged_end(faces: JudgedFaces, step: Direction, before: dict[str, Tensor], kept: Claims, claims: Claims) -> float:
    """The end of one side, by bisection of ALPHAS and interpolation in log alpha; NaN beyond the last of them.

    `kept` are the claims that must not be lost.
    """

    @functools.cache
    def share(index: int) -> float:
        after = faces.verdict(faces.source + ALPHAS[index] * step)
        return disagreement(before, after, kept, claims).float().mean().item()

    index = bisect.bisect_left(range(len(ALPHAS)), DISAGREED, key=share)
    if index == len(ALPHAS):
        return math.nan
    if index == 0:
        return ALPHAS[0]
    part = (DISAGREED - share(index - 1)) / (share(index) - share(index - 1))
    return ALPHAS[index - 1] * (ALPHAS[index] / ALPHAS[index - 1]) ** part


def disagreement(before: dict[str, Tensor], after: dict[str, Tensor], kept: Claims, claims: Claims) -> Tensor:
    """[N] bool: whether another attribute changed or a claim among `kept` was lost."""
    changed = torch.stack([*flips(before, after, claims).values()]).any(dim=0)
    for attribute, state in kept.items():
        changed |= before[attribute][:, state] - after[attribute][:, state] > MIN_LOST_PROBABILITY
    return changed


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table, and how many ends lie within WITHIN of the judge's."""
    cells = [
        (
            row["text"],
            f"{row['unit']:.2f}",
            *(f"{row[who][0]:.2f} to {row[who][1]:.2f}" for who in ("found", "judge")),
            *(f"{ratio:.2f}" for ratio in row["ratios"]),
        )
        for row in rows
    ]
    low, high = ([is_within(row["ratios"][side]) for row in rows] for side in (0, 1))
    both = sum(a and b for a, b in zip(low, high, strict=True))
    ratios = torch.tensor([ratio for row in rows for ratio in row["ratios"] if not math.isnan(ratio)])
    table = markdown_table(("text", "unit", "found", "judge", "ratio low", "ratio high"), cells)
    near = (
        f"Within {100 * WITHIN:.0f} % of the judge's end: {sum(high)} of {len(rows)} above 0, {sum(low)} of {len(rows)}"
    )
    return f"{table}\n\n{near} below 0, {both} on both sides; the median ratio is {ratios.median():.2f}."


def is_within(ratio: float) -> bool:
    """Whether an end is near the judge's; one that the judge never saw is not."""
    return abs(ratio - 1) <= WITHIN
