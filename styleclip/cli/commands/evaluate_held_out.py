"""`styleclip evaluate --judge-clip`: measure editors of any models by networks that they do not follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.evaluation import EvaluationRequest, load_mappers
from styleclip.cli.options.held_out import SUITED, HeldOut
from styleclip.cli.options.photos import PhotoOptions
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.methods import make_method

if TYPE_CHECKING:
    from styleclip.evaluate.held_out.editors import MeasuredEditor
    from styleclip.methods.mapper import LatentMapper
    from styleclip.methods.sliders import Slider
    from styleclip.models import Models
    from styleclip.prompts import Prompt

SEEDS = tuple(range(8))
DEMO = "demo"


def measure_held_out(
    common: CommonOptions, held_out: HeldOut, options: PhotoOptions, request: EvaluationRequest
) -> None:
    """Measure what is asked for by held-out networks, and write the report."""
    from styleclip.alignment.photo_paths import find_photos
    from styleclip.evaluate.held_out.bank import read_bank
    from styleclip.evaluate.held_out.judges import load_judges
    from styleclip.evaluate.held_out.run import SAMPLES, STRENGTHS, measure_edits
    from styleclip.evaluate.held_out.saving import HELD_OUT_FILES, save_report
    from styleclip.evaluate.held_out.sources import photo_sources, seed_source
    from styleclip.evaluate.held_out.table import report_table

    request.named_editors()
    texts = _texts(request, common.model == DEMO)
    photos = find_photos(held_out.image).photos if held_out.image else []
    bank = read_bank(held_out.bank) if held_out.bank else None
    files = request.find_files(common)
    folder = common.folder("evaluation", HELD_OUT_FILES)
    names = _judge_names(common, held_out)
    models = common.load(encoder=options.encoder)
    mappers, sliders = load_mappers(files, models), request.load_sliders(common, models)
    judges = load_judges(models, *names, bank, common.fetch)
    prompts = requested_prompts(texts, mappers, sliders, models)
    editors = measured_editors(request, mappers, sliders, models)
    with Progress("evaluate", common.quiet) as progress:
        sources, left_out = (
            photo_sources(models, photos, options.invert(common), progress)
            if photos
            else ([seed_source(models, request.seeds or SEEDS)], [])
        )
        choices = held_out.strengths or STRENGTHS, held_out.unedited or SAMPLES, bool(held_out.fid)
        report = measure_edits(models, judges, editors, prompts, sources, *choices, left_out, progress)
    paths = save_report(report, folder, common.overwrite, common.recording)
    if not common.as_json:
        print_lines(*report_table(report).split("\n"))
    common.report(paths, common.recording.of_json(report.to_json(), folder))


def _texts(request: EvaluationRequest, is_demo: bool) -> list[str]:
    """The prompts of a file or a set, for the demo one by default; none for those of mappers and directions."""
    from styleclip import evaluate as evaluation

    if request.prompt_file:
        return evaluation.read_prompts(request.prompt_file)
    if request.mappers or request.directions:
        return []
    if request.set_name or is_demo:
        wordings = evaluation.load_wordings("reporting" if request.set_name == "reporting" else "tuning")
        return [wording.text for wording in wordings.wordings]
    raise UsageError("nothing says what the pictures shall show; write texts into a file for --prompts")


def _judge_names(common: CommonOptions, held_out: HeldOut) -> tuple[str, str]:
    """The held-out CLIP and recogniser: those that were named, else those of the model."""
    from styleclip.weights.locate import model_parts

    parts = model_parts(common.model)
    clip = parts.get("judge_clip") if held_out.judge_clip == SUITED else held_out.judge_clip
    if clip is None:
        raise UsageError(f"{common.model} has no CLIP of its own to measure with; name one: --judge-clip NAME")
    return str(clip), held_out.judge_identity or str(parts.get("judge_identity", "none"))


def requested_prompts(
    texts: Sequence[str], mappers: Sequence[LatentMapper], sliders: Sequence[Slider], models: Models
) -> list[Prompt]:
    """The texts, or those of mappers and sliders. Raises UsageError where there is none."""
    from styleclip.methods.slider_edit import prompt_of
    from styleclip.prompts import Prompt

    if not texts:
        found = [prompt_of(each.find(models)) for each in sliders]
        texts = [*(_target(each, models) for each in mappers), *(prompt.target for prompt in found if prompt)]
    if not texts:
        raise UsageError("these directions have no text; write what they shall show into a file for --prompts")
    return [Prompt(text) for text in dict.fromkeys(texts)]


def measured_editors(
    request: EvaluationRequest, mappers: Sequence[LatentMapper], sliders: Sequence[Slider], models: Models
) -> list[MeasuredEditor]:
    """Every editor with its label; all mappers are one, each on its own prompt, and all sliders move together."""
    from styleclip.evaluate.held_out.editors import MeasuredEditor
    from styleclip.evaluate.slider_method import SliderMethod

    found = [MeasuredEditor(each.label, make_method(each.name, **each.values())) for each in request.named_editors()]
    if mappers:
        found.append(MeasuredEditor("map", {_target(each, models): each for each in mappers}))
    if sliders:
        found.append(MeasuredEditor("sliders", SliderMethod(tuple(sliders))))
    return found


def _target(mapper: LatentMapper, models: Models) -> str:
    """The text of a mapper. Raises UsageError for one that does not tell it."""
    prompt = mapper.load_mapper(models).prompt
    if prompt is None:
        raise UsageError("a mapper does not tell the text it was trained for; pass one that train-mapper wrote")
    return prompt.target
