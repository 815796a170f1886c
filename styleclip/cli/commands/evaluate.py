"""`styleclip evaluate`: measure an editor on many seeds and prompts."""

from __future__ import annotations

from pathlib import Path

import click

from styleclip.cli.commands.evaluate_clip import ITSELF, Benchmarks, benchmark_options, measure_clip
from styleclip.cli.commands.evaluate_held_out import measure_held_out
from styleclip.cli.commands.evaluate_protocol import Protocol, measure_protocol, protocol_options
from styleclip.cli.options.common import CommonOptions, common_options_but_clip
from styleclip.cli.options.evaluation import (
    DEFAULT_EDITOR,
    EvaluationRequest,
    NamedEditor,
    editor_type,
    load_mappers,
)
from styleclip.cli.options.held_out import HeldOut, held_out_options
from styleclip.cli.options.option import option
from styleclip.cli.options.photos import PhotoOptions, photo_options
from styleclip.cli.options.sliders import NamedSlider, parse_direction
from styleclip.cli.options.source import LatentSource
from styleclip.cli.options.types import EXISTING_FILE, SEEDS, Parsed
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError
from styleclip.methods import make_method, settings_methods

EDITOR = (
    f'The editor to measure, {" or ".join(settings_methods())}, perhaps with settings: "global-dir alpha=4"; with '
    f"--judge-clip it may be given again.  [default: {DEFAULT_EDITOR}]"
)
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
@option("--editor", "editors", type=editor_type, multiple=True, metavar="NAME", help=EDITOR)
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
@held_out_options
@protocol_options
@photo_options
@benchmark_options
@common_options_but_clip
def evaluate(
    common: CommonOptions,
    benchmarks: Benchmarks,
    held_out: HeldOut,
    protocol: Protocol,
    photos: PhotoOptions,
    editors: tuple[NamedEditor, ...],
    settings: tuple[str, ...],
    mappers: tuple[str, ...],
    directions: tuple[NamedSlider, ...],
    set_name: str | None,
    seeds: tuple[int, ...] | None,
    prompt_file: Path | None,
) -> None:
    """Edit many faces with many prompts, and tabulate how many edits are clean: hit, with nothing else changed.

    In the demo world the ideal edit of every face is known; the last row is that edit. With --judge-clip editors of any
    model are measured by a CLIP that they do not follow, with --protocol as in a publication. With --clip and no
    editor: tabulate how often a CLIP tells a true caption from a false one with the same words.
    """
    request = EvaluationRequest(editors, settings, mappers, directions, set_name, seeds, prompt_file)
    protocol.check(request, held_out)
    if protocol.protocol:
        measure_protocol(common, protocol, held_out.judge_clip, photos, request)
        return
    alone = held_out.judge_clip is None and not request.any_editor()
    if common.clip is not None and alone:
        measure_clip(common, seeds, benchmarks)
        return
    if benchmarks.any():
        raise UsageError("a benchmark measures a CLIP alone; pass --clip, and no editor")
    if common.clip == ITSELF:
        raise UsageError("--clip without a name measures the CLIP itself; name one, or leave out the editor")
    if prompt_file and set_name:
        raise UsageError("--set and --prompts both name the prompts; pass one of them")
    held_out.check()
    if held_out.image and seeds:
        raise UsageError("--seeds and --image both name the pictures; pass one of them")
    photos.check(LatentSource(image=held_out.image))
    if held_out.judge_clip is None:
        measure_in_demo_world(common, request)
    else:
        measure_held_out(common, held_out, photos, request)


def measure_in_demo_world(common: CommonOptions, request: EvaluationRequest) -> None:
    """Compare edits with the ideal ones, and write the report."""
    others, given = request.mappers or request.directions, request.editors
    if request.mappers and (given or request.prompt_file or request.settings):
        raise UsageError("a mapper is an editor with its own prompt; leave out --editor, --setting and --prompts")
    if request.directions and (given or request.mappers or request.settings or request.set_name):
        raise UsageError("--direction is an editor of its own; leave out --editor, --setting, --mapper and --set")
    if len(given) > 1:
        raise UsageError("several editors are compared with --judge-clip; pass it too, or leave one of them out")
    editors = [] if others else request.named_editors()
    from styleclip import evaluate as evaluation
    from styleclip.evaluate.demo_world.report import REPORT_FILES

    wordings = evaluation.load_wordings("reporting" if request.set_name == "reporting" else "tuning")
    prompts = evaluation.read_prompts(request.prompt_file) if request.prompt_file else wordings
    seeds = request.seeds or wordings.seeds
    files = request.find_files(common)
    folder = common.folder("evaluation", REPORT_FILES)
    models = common.load()
    sliders = request.load_sliders(common, models)
    with Progress("evaluate", common.quiet) as progress:
        if files:
            report = evaluation.run_mappers(models, load_mappers(files, models), seeds, progress)
        elif sliders:
            given_prompts = prompts if request.prompt_file else None
            report = evaluation.run_sliders(models, sliders, seeds, given_prompts, progress)
        else:
            [editor] = editors
            report = evaluation.run(models, make_method(editor.name, **editor.values()), seeds, prompts, progress)
    paths = report.save(folder, common.overwrite)
    if not common.as_json:
        print_lines(*report.table().split("\n"))
    common.report(paths, report.to_json())
