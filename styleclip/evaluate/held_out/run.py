"""`measure_edits`: editors on prompts and pictures, measured by networks that no editor follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from styleclip.edit_source import EditSource
from styleclip.errors import UsageError
from styleclip.evaluate.curves.bootstrap import RESAMPLES
from styleclip.evaluate.curves.bootstrap import SEED as BOOTSTRAP_SEED
from styleclip.evaluate.held_out.bank_reader import MIN_CERTAINTY
from styleclip.evaluate.held_out.editors import MeasuredEditor, bounds
from styleclip.evaluate.held_out.evaluation import Evaluation, Measured
from styleclip.evaluate.held_out.judges import Judges
from styleclip.evaluate.held_out.measure import MAX_OUTSIDE
from styleclip.evaluate.held_out.measurements import EditMeasurement, MeasuredPrompt
from styleclip.evaluate.held_out.region import MARGIN, MIN_EFFECT, STANDARD_ERRORS
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.held_out.sets import EditSets, load_inception
from styleclip.evaluate.held_out.task import Task
from styleclip.evaluate.held_out.unedited import MAP_PX, SEED, see_unedited
from styleclip.evaluate.left_out import REFUSALS, LeftOut, nothing_left
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt

SAMPLES = 1000  # without an edit
STRENGTHS = (0.0, 0.5, 1.0, 1.5)
REGION = (
    f"where the mean pictures of samples with and without the claims differ by {MIN_EFFECT} standard deviations and "
    f"{STANDARD_ERRORS} standard errors, of samples reduced to {MAP_PX} px, and {MARGIN} px around it"
)


def measure_edits(
    models: Models,
    judges: Judges,
    editors: Sequence[MeasuredEditor],
    prompts: Sequence[Prompt],
    sources: Sequence[EditSource],
    strengths: Sequence[float] = STRENGTHS,
    samples: int = SAMPLES,
    fid: bool = False,
    left_out: Sequence[LeftOut] = (),
    on_step: OnStep = ignore,
) -> HeldOutReport:
    """Measure editors on the pictures that lack something of a prompt.

    Args:
        models: the editors'.
        judges: of `load_judges`.
        editors: beside the one that does nothing and the one that draws a random face.
        prompts: the texts.
        sources: the pictures.
        strengths: multiples of every editor's own step, `source + strength * (edited - source)`.
        samples: without an edit, which say where the claims of a prompt lie and what the held-out CLIP can tell.
        fid: also compare all edits of an editor with samples by FID and KID; raises WeightError without Inception.
        left_out: photos that are not among the sources, for the report.
        on_step: a step is an editor on a prompt; before that a sample.

    A prompt that an editor refuses is left out for this editor, and one that cannot be measured for all of them.
    Raises UsageError where nothing else is left, where every picture shows every prompt, for two editors of one label,
    and for one that knows none of the prompts.

    Example:
        models = styleclip.load("demo")
        judges = load_judges(models, "demo-judge-clip")
        editors = [MeasuredEditor("global-dir", GlobalDirection())]
        report = measure_edits(models, judges, editors, [Prompt("an old face")], [seed_source(models, range(8))])
    """
    everyone = [*bounds(), *editors]
    prompts = [replace(prompt, force=True) for prompt in prompts]  # words that a CLIP does not know are measured, too
    _check(everyone, prompts)
    inception = load_inception() if fid else None
    unedited = see_unedited(models, judges.clip, samples, on_step)
    sets = EditSets(models, unedited, inception)
    evaluation = Evaluation(judges, unedited, sources, strengths, sets)
    records, found, refused = list[MeasuredPrompt](), list[Measured](), list[LeftOut]()
    total = len(prompts) * len(everyone)
    for number, prompt in enumerate(prompts):
        try:
            task = Task.of(models, judges, unedited, prompt)
        except REFUSALS as error:
            refused.append(LeftOut(str(error), prompt=prompt.target))
            on_step(Step((number + 1) * len(everyone), total, stage="edits"))
            continue
        records.append(task.record(evaluation.lacking(task)))
        for place, editor in enumerate(everyone, start=1):
            found.append(evaluation.measure(task, editor))
            refused += found[-1].left_out
            on_step(Step(number * len(everyone) + place, total, _means(found[-1].edits), stage="edits"))
    edits = [edit for each in found for edit in each.edits]
    if not {edit.editor for edit in edits} & {each.label for each in editors or everyone}:
        shown = f"every picture already shows {prompts[0].target!r}; pass more --seeds or photos"
        raise UsageError(nothing_left(refused) if refused else shown)
    return HeldOutReport(
        editors={each.label: each.settings(models) for each in everyone},
        prompts=records,
        strengths=tuple(strengths),
        images=[name for source in sources for name in source.names],
        judges={**judges.record(), "left_out": evaluation.reader.left_out},
        protocol=_protocol(sources, samples),
        provenance=models.provenance,
        measurements=edits,
        sets=sets.measurements(),
        left_out=[*left_out, *refused],
        pictures=[picture for each in found for picture in each.pictures],
    )


def _check(editors: Sequence[MeasuredEditor], prompts: Sequence[Prompt]) -> None:
    """Raise UsageError for two editors of one label, and for one that would not be measured."""
    labels = [each.label for each in editors]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise UsageError(f"two editors have the same label, {twice[0]!r}; leave one of them out")
    if idle := [each.label for each in editors if not any(each.of(prompt) for prompt in prompts)]:
        raise UsageError(f"{idle[0]!r} is trained for none of these prompts; add its own to them, or leave it out")


def _means(edits: Sequence[EditMeasurement]) -> dict[str, float]:
    """Of a step."""
    names = ("success", "clean") if edits else ()
    return {name: sum(each.measures[name] for each in edits) / len(edits) for name in names}


def _protocol(sources: Sequence[EditSource], samples: int) -> dict[str, Any]:
    """How edits were measured."""
    return {
        "sources": [dict(source.about) for source in sources],
        "unedited": {"samples": samples, "seed": SEED, "psi": 1.0},
        "region": REGION,
        "min_certainty": MIN_CERTAINTY,
        "max_l1_outside": MAX_OUTSIDE,
        "bootstrap": {"resamples": RESAMPLES, "seed": BOOTSTRAP_SEED, "unit": "image"},
    }
