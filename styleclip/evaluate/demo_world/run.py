"""Measure an editor in the demo world: are its edits clean?

An edit is clean when what was asked for is there and nothing else has changed. For every face and prompt there is an
ideal edit, which the oracle draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from styleclip.demo.captions import other_states
from styleclip.demo.wordings import Wording, WordingSet, given_wordings, load_wordings
from styleclip.errors import UsageError
from styleclip.evaluate.demo_world.evaluation import Edit, Evaluation
from styleclip.evaluate.demo_world.report import Report
from styleclip.evaluate.slider_method import SliderMethod
from styleclip.methods import make_method
from styleclip.methods.base import Method, reads_claims
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.slider_edit import prompt_of
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


def run(
    models: Models,
    method: str | Method,
    seeds: Sequence[int],
    prompts: WordingSet | Sequence[str] | None = None,
    on_step: OnStep = ignore,
) -> Report:
    """Edit the faces of the seeds towards every prompt that they lack something of, and measure each edit.

    Args:
        models: with a generator of the demo world.
        method: a method, or a name of `styleclip.methods.METHODS`.
        seeds: of the faces.
        prompts: a set of `load_wordings`, by default that for tuning; or texts in the words of the demo world.
        on_step: a step is a prompt.

    Raises UsageError for texts that claim no attribute, for faces that all show everything, and for other generators.
    """
    editing = make_method(method) if isinstance(method, str) else method
    if prompts is None:
        prompts = load_wordings("tuning")
    chosen = prompts if isinstance(prompts, WordingSet) else given_wordings(prompts)
    edits = [Edit(wording, _prompt(wording, editing, models), editing) for wording in chosen.wordings]
    return Evaluation(models, seeds).report(editing.name, editing.settings(models), chosen.name, edits, on_step)


def run_mappers(
    models: Models, mappers: Sequence[LatentMapper], seeds: Sequence[int], on_step: OnStep = ignore
) -> Report:
    """As `run`, with one mapper per prompt: the prompt in its file. Raises UsageError where there is none."""
    prompts = []
    for mapper in mappers:
        prompt = mapper.load_mapper(models).prompt
        if prompt is None:
            raise UsageError("a mapper does not tell the text it was trained for; pass one that train-mapper wrote")
        prompts.append(replace(prompt, force=True))
    chosen = given_wordings([prompt.target for prompt in prompts])
    edits = [Edit(*parts) for parts in zip(chosen.wordings, prompts, mappers, strict=True)]
    settings = {"mappers": [mapper.settings(models) for mapper in mappers]}
    return Evaluation(models, seeds).report(LatentMapper.name, settings, chosen.name, edits, on_step)


def run_sliders(
    models: Models,
    sliders: Sequence[Slider],
    seeds: Sequence[int],
    prompts: WordingSet | Sequence[str] | None = None,
    on_step: OnStep = ignore,
) -> Report:
    """As `run`, for sliders that move every face together; without prompts by the text of the only one.

    Raises UsageError for several sliders, and for one without a text, where `prompts` does not say what they are for.
    """
    if prompts is None:
        texts = [prompt.target for each in sliders if (prompt := prompt_of(each.find(models, on_step)))]
        if len(texts) != 1 or len(sliders) != 1:
            what = "this direction has no text" if len(sliders) == 1 else "several directions have no text in common"
            raise UsageError(f"{what}; name what it shall show with --prompts FILE")
        prompts = texts
    return run(models, SliderMethod(tuple(sliders)), seeds, prompts, on_step)


def _prompt(wording: Wording, method: Method, models: Models) -> Prompt:
    """The prompt that a method gets: the text alone, with which it finds itself what else a picture may show.

    One that follows a relevance table or CLIP's gradient needs neutral texts, and gets those of the other states. The
    prompt is forced: words that CLIP does not know are measured, too.
    """
    alone = not getattr(method, "needs_neutral", False) or reads_claims(method, models)
    return Prompt(wording.text, None if alone else other_states(wording.claims), force=True)
