"""Editing and measuring many faces with many prompts, batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from styleclip.demo.captions import state_names
from styleclip.demo.judge import load_judge
from styleclip.demo.wordings import Wording
from styleclip.demo.world import Z_DIM
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.evaluate.demo_world.limits import LIMITED, Limits
from styleclip.evaluate.demo_world.measures import COLUMNS, Measures, measure
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.demo_world.report import Report
from styleclip.evaluate.demo_world.scores import PromptScore, mean_row
from styleclip.evaluate.demo_world.sheet import WorstEdit, choose_worst, worst_edits
from styleclip.evaluate.demo_world.task import Portraits, Task
from styleclip.evaluate.left_out import REFUSALS, LeftOut, nothing_left
from styleclip.latents import Latent, Space
from styleclip.methods.base import Method
from styleclip.models import Models
from styleclip.networks.generator_config import GeneratorConfig
from styleclip.progress import OnStep, Step
from styleclip.prompt_words import PromptWarning
from styleclip.prompts import Prompt
from styleclip.results import EditResult
from styleclip.runtime.image_by_image import whole_batches
from styleclip.weights.catalog import checkpoint_path

BATCH = 50  # faces edited together
DECIMALS = 5  # of the values in a report
RESOLUTIONS = (64, 128)  # px, of generators of the demo world


class Edit(NamedTuple):
    """A wording, and the prompt and the method that edit towards it."""

    wording: Wording
    prompt: Prompt
    method: Method


class Evaluation:
    """Faces, the judge and the limits of a clean edit, which all prompts share.

    Args:
        models: with a generator of the demo world; raises UsageError for another.
        seeds: of the faces.
    """

    def __init__(self, models: Models, seeds: Sequence[int]) -> None:
        if not draws_demo_world(models.generator.config):
            raise UsageError(
                "this generator does not draw the demo world, where the truth is known; leave out --model, or pass "
                "--judge-clip NAME"
            )
        self.editor = Editor(models)
        self.judge = load_judge(checkpoint_path("demo/judge.safetensors"))
        self.portraits = Portraits.of(models, self.judge, seeds)
        self.limits = Limits.of(models)

    def report(
        self, name: str, settings: Mapping[str, Any], wordings: str, edits: Sequence[Edit], on_step: OnStep
    ) -> Report:
        """Measure every edit; a step is a prompt. One that the method refuses is left out.

        Raises UsageError where no other is left, or no face lacks anything.
        """
        scores: list[PromptScore] = []
        worst: list[WorstEdit] = []
        left_out: list[LeftOut] = []
        for number, edit in enumerate(edits, start=1):
            try:
                score, candidates = self._prompt_score(edit)
            except REFUSALS as error:
                left_out.append(LeftOut(str(error), prompt=edit.wording.text))
            else:
                scores.append(score)
                worst += candidates
            means = mean_row("", scores).means
            on_step(Step(number, len(edits), {each: means[each] for each in ("clean", "hit")}))
        if not any(score.faces for score in scores):
            shown = f"every face already shows {edits[0].wording.text!r}; pass more --seeds"
            raise UsageError(nothing_left(left_out) if left_out else shown)
        limits = {column: round(getattr(self.limits, column), DECIMALS) for column in LIMITED}
        seeds, provenance = self.portraits.seeds.tolist(), dict(self.editor.models.provenance)
        shared = name, settings, wordings, seeds, limits
        return Report(*shared, scores, provenance, choose_worst(worst), left_out)

    @whole_batches()
    def _prompt_score(self, edit: Edit) -> tuple[PromptScore, list[WorstEdit]]:
        """The edits of the faces that lack something of a prompt, and the worst of them."""
        claims = edit.wording.claims
        lacking = self.portraits.lacking(claims)
        edited, oracle, worst = list[Measures](), list[Measures](), list[WorstEdit]()
        for start in range(0, len(lacking), BATCH):
            source = lacking[start : start + BATCH]
            z = Latent(Space.Z, source.z.to(self.editor.models.device))
            ideal = self._edit(z, edit.prompt, Oracle(claims))
            result = self._edit(self.editor.sample(seeds=source.seeds.tolist()), edit.prompt, edit.method)
            task = Task.of(source, claims, ideal.after.float().cpu().clamp(-1, 1))
            edited.append(measure(task, result, self.judge, self.limits))
            oracle.append(measure(task, ideal, self.judge, self.limits))
            worst += worst_edits(edit.wording.text, task, result.after, edited[-1], self.limits)
        states = {name: state_names(name)[state] for name, state in claims.items()}
        flipped = _mean_flips(edited)
        score = PromptScore(
            edit.wording.text, states, lacking.seeds.tolist(), _columns(edited), _columns(oracle), flipped
        )
        return score, worst

    def _edit(self, latent: Latent, prompt: Prompt, method: Method) -> EditResult:
        """The edit, without the warning about words that CLIP does not know: many wordings have such words."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PromptWarning)
            result = self.editor.edit(latent, prompt, method)
        if result.interrupted:
            raise KeyboardInterrupt
        return result


def draws_demo_world(config: GeneratorConfig) -> bool:
    """Whether the shapes of a generator are those of one of the demo world."""
    sizes = {(side, side) for side in RESOLUTIONS}
    return config.z_dim == Z_DIM and config.img_channels == 3 and config.image_size in sizes


def _columns(batches: Sequence[Measures]) -> dict[str, list[float]]:
    """The values of every edit, rounded."""
    return {name: _values([batch.columns[name] for batch in batches]) for name in COLUMNS}


def _values(batches: Sequence[Tensor]) -> list[float]:
    return [round(value, DECIMALS) for batch in batches for value in batch.tolist()]


def _mean_flips(batches: Sequence[Measures]) -> dict[str, float]:
    """Attribute -> share of the edits in which it flipped, where it did."""
    if not batches:
        return {}
    shares = {name: _values([batch.flipped[name].float() for batch in batches]) for name in batches[0].flipped}
    return {name: round(sum(values) / len(values), DECIMALS) for name, values in shares.items() if any(values)}
