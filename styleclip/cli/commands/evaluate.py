"""`styleclip evaluate`: measure an editor on many seeds and prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.commands.evaluate_clip import ITSELF, Benchmarks, benchmark_options, measure_clip
from styleclip.cli.options.common import CommonOptions, common_options_but_clip
from styleclip.cli.options.from_settings import read_settings
from styleclip.cli.options.option import option
from styleclip.cli.options.sliders import NamedSlider, parse_direction
from styleclip.cli.options.types import EXISTING_FILE, SEEDS, Parsed
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.methods import make_method, method_class, settings_methods

if TYPE_CHECKING:
    from styleclip.methods.sliders import Slider
    from styleclip.models import Models

DEFAULT_EDITOR = "optimize"
SET = "The prompts: 20 for tuning settings, or 20 others for reporting.  [default: tuning]"
PROMPTS = "In place of a set, a file with one prompt per line, in the words of the demo world."
SEED_LIST = (
    "The faces to edit, e.g. 0-7,12.  [default: those of the set, 40 and 200: some 600 and 3,000 edits; 4 and 20 "
    "minutes at .4 s an edit]"
)
MAPPER = "In place of an editor, a latent mapper with the prompt it was trained for: a name, file or URL."
DIRECTION = (
    'In place of an editor, a direction: "NAME [@ ALPHA]", without a number at its own alpha; may be given again, and '
    "all move each face together. Without --prompts it is measured by the text it was made for."
)
CLIP = (
    "Measure this CLIP itself where no editor is named, without NAME that of the generator: on captions that differ "
    "from the true one in what belongs together, in a negation, or in the order of words. With --editor, --mapper or "
    "--direction the CLIP that it follows."
)
SETTING = "A setting of the editor, e.g. alpha=4; may be given several times."


@click.command()
@option("--editor", type=click.Choice(settings_methods()), help=f"The editor to measure.  [default: {DEFAULT_EDITOR}]")
@option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help=SETTING)
@option("--mapper", "mappers", multiple=True, metavar="NAME", help=MAPPER)
@option(
    "--direction",
    "directions",
    type=Parsed("direction", parse_direction),
    multiple=True,
    metavar="NAME",
    help=DIRECTION,
)
@option("--set", "set_name", type=click.Choice(["tuning", "reporting"]), help=SET)
@option("--seeds", type=SEEDS, metavar="LIST", help=SEED_LIST)
@option("--prompts", "prompt_file", type=EXISTING_FILE, metavar="FILE", help=PROMPTS)
@option("--clip", is_flag=False, flag_value=ITSELF, metavar="[NAME]", help=CLIP)
@benchmark_options
@common_options_but_clip
def evaluate(
    common: CommonOptions,
    benchmarks: Benchmarks,
    editor: str | None,
    settings: tuple[str, ...],
    mappers: tuple[str, ...],
    directions: tuple[NamedSlider, ...],
    set_name: str | None,
    seeds: tuple[int, ...] | None,
    prompt_file: Path | None,
) -> None:
    """Edit many faces with many prompts, and tabulate how many edits are clean: hit, with nothing else changed.

    This needs the demo world, where the ideal edit of every face is known; the last row is that edit. With --clip and
    no editor: tabulate how often a CLIP tells a true caption from a false one with the same words.
    """
    if common.clip is not None and not (editor or settings or mappers or directions or set_name or prompt_file):
        measure_clip(common, seeds, benchmarks)
        return
    if benchmarks.any():
        raise UsageError("a benchmark measures a CLIP alone; pass --clip, and no editor")
    if common.clip == ITSELF:
        raise UsageError("--clip without a name measures the CLIP itself; name one, or leave out the editor")
    if mappers and (editor or prompt_file or settings):
        raise UsageError("a mapper is an editor with its own prompt; leave out --editor, --setting and --prompts")
    if directions and (editor or mappers or settings or set_name):
        raise UsageError("--direction is an editor of its own; leave out --editor, --setting, --mapper and --set")
    if prompt_file and set_name:
        raise UsageError("--set and --prompts both name the prompts; pass one of them")
    name = editor or DEFAULT_EDITOR
    values = read_settings(method_class(name), settings)
    from styleclip import evaluate as evaluation
    from styleclip.directions.library import direction_file
    from styleclip.evaluate.demo_world.report import REPORT_FILES
    from styleclip.methods.mapper import LatentMapper, load_trained_mapper
    from styleclip.weights.locate import mapper_file

    wordings = evaluation.load_wordings("reporting" if set_name == "reporting" else "tuning")
    prompts = evaluation.read_prompts(prompt_file) if prompt_file else wordings
    files = [mapper_file(each, common.fetch) for each in mappers]
    for each in directions:
        direction_file(each.name, common.fetch)
    folder = common.folder("evaluation", REPORT_FILES)
    models = common.load()
    sliders = _load_sliders(common, models, directions)
    with Progress("evaluate", common.quiet) as progress:
        if files:
            trained = [LatentMapper(load_trained_mapper(file, models)) for file in files]
            report = evaluation.run_mappers(models, trained, seeds or wordings.seeds, progress)
        elif sliders:
            given = prompts if prompt_file else None
            report = evaluation.run_sliders(models, sliders, seeds or wordings.seeds, given, progress)
        else:
            report = evaluation.run(models, make_method(name, **values), seeds or wordings.seeds, prompts, progress)
    paths = report.save(folder, common.overwrite)
    if not common.as_json:
        print_lines(*report.table().split("\n"))
    common.report(paths, report.to_json())


def _load_sliders(common: CommonOptions, models: Models, directions: Sequence[NamedSlider]) -> list[Slider]:
    """The directions at their strengths. Raises WeightError for an unknown name."""
    from styleclip.directions.loading import load_direction
    from styleclip.methods.sliders import Slider

    found = [load_direction(each.name, models, common.fetch) for each in directions]
    return [
        Slider(direction, direction.alpha if each.strength is None else each.strength)
        for direction, each in zip(found, directions, strict=True)
    ]
