"""`styleclip evaluate --protocol`: measure edits as a publication does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.commands.evaluate_held_out import measured_editors, requested_prompts
from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.evaluation import EvaluationRequest, load_mappers
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.held_out import SUITED, HeldOut
from styleclip.cli.options.option import option
from styleclip.cli.options.photos import PhotoOptions
from styleclip.cli.options.types import EXISTING_FILE
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.evaluate.image_sets.extractors import Extractor

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PROTOCOL = (
    "Measure edits of photos as a publication does: sfe, the editing protocol of StyleFeatureEditor, compares edits of "
    "CelebA-HQ with the originals that have the attribute."
)
CELEBA_HQ = "With --protocol: the folder of the pictures of CelebA-HQ, 0.jpg, 1.jpg, ..."
ATTRIBUTE = "With --protocol: the attribute that the edits add, e.g. Eyeglasses."
REVERSED = "With --protocol: the edits remove the attribute."
ANNOTATION = "CelebAMask-HQ-attribute-anno.txt.  [default: in the folder of the pictures or beside it]"
EDITED = "With --protocol, in place of an editor: a folder of edits by any tool, named as their originals."
EDITS = "edited"  # the folder of edits by an editor of ours


@dataclass(frozen=True)
class Protocol:
    """A published protocol and its pictures."""

    protocol: str | None = None
    celeba_hq: Path | None = None
    attribute: str | None = None
    reversed_: bool = False
    annotation: Path | None = None
    edited: Path | None = None

    def check(self, request: EvaluationRequest, held_out: HeldOut) -> None:
        """Raise UsageError for what is missing or has no use."""
        if self.protocol is None:
            if any(vars(self).values()):
                raise UsageError("the options of CelebA-HQ are for a protocol; pass --protocol sfe too")
            return
        if not (self.celeba_hq and self.attribute):
            raise UsageError(f"--protocol {self.protocol} needs --celeba-hq FOLDER and --attribute NAME; pass both")
        if request.seeds or request.set_name or held_out.image:
            raise UsageError("the protocol says which pictures are edited; leave out --seeds, --set and --image")
        others = (held_out.strengths, held_out.bank, held_out.unedited, held_out.judge_identity, held_out.fid)
        if any(others):
            raise UsageError("the protocol says what is measured; of the options of --judge-clip pass that one alone")
        if self.edited and request.any_editor():
            raise UsageError("--edited holds the edits of another tool; leave out the editor and its prompts")
        if not (self.edited or request.prompt_file or request.mappers or request.directions):
            raise UsageError(
                "nothing says what the edits shall show; write it into a file for --prompts, or pass --edited"
            )


protocol_options = option_group(
    "protocol",
    Protocol,
    options=[
        option("--protocol", type=click.Choice(["sfe"]), help=PROTOCOL),
        option("--celeba-hq", type=FOLDER, metavar="FOLDER", help=CELEBA_HQ),
        option("--attribute", metavar="NAME", help=ATTRIBUTE),
        option("--reversed", "reversed_", is_flag=True, help=REVERSED),
        option("--annotation", type=EXISTING_FILE, metavar="FILE", help=ANNOTATION),
        option("--edited", type=FOLDER, metavar="FOLDER", help=EDITED),
    ],
)


def measure_protocol(
    common: CommonOptions,
    protocol: Protocol,
    judge_clip: str | None,
    options: PhotoOptions,
    request: EvaluationRequest,
) -> None:
    """Edit the pictures where no edits are given, measure them, and write the report."""
    from styleclip.evaluate.protocols.celeba_hq import annotation_file, read_annotation
    from styleclip.evaluate.protocols.sfe import REPORT_FILES, Split, measure_sfe

    assert protocol.celeba_hq and protocol.attribute
    annotation = read_annotation(protocol.annotation or annotation_file(protocol.celeba_hq))
    split = Split.of(protocol.celeba_hq, annotation, protocol.attribute, protocol.reversed_)
    given = split.edits(protocol.edited) if protocol.edited else None
    folder = common.folder(f"protocol-{protocol.protocol}", (*REPORT_FILES, f"{EDITS}/[0-9]*.png"))
    extractors = _extractors(common, judge_clip)
    with Progress("evaluate", common.quiet) as progress:
        edits, about = (
            (given, {}) if given else _edit(common, split.to_edit, options, request, folder / EDITS, progress)
        )
        report = measure_sfe(split, edits, extractors, about, progress)
    paths = report.save(folder, common.overwrite, common.recording)
    if not common.as_json:
        print_lines(*report.table().split("\n"))
    common.report(paths, common.recording.of_json(report.to_json(), folder))


def _extractors(common: CommonOptions, judge_clip: str | None) -> tuple[Extractor, ...]:
    """Inception where it is there, and the CLIP that was named; without both that of the model."""
    import styleclip
    from styleclip.evaluate.image_sets.extractors import clip_extractor, make_extractors
    from styleclip.runtime.devices import pick_device
    from styleclip.weights.locate import model_parts

    device = pick_device(common.device)
    found = make_extractors(device=device)
    if found and judge_clip is None:
        return found
    own = model_parts(common.model).get("judge_clip")
    name = own if judge_clip in (None, SUITED) else judge_clip
    if name is None:
        raise UsageError("there is no network to compare pictures by; run `styleclip models pull fid-inception`")
    return (*found, clip_extractor(styleclip.load_clip(str(name), fetch=common.fetch).to(device)))


def _edit(
    common: CommonOptions,
    pictures: Mapping[int, Path],
    options: PhotoOptions,
    request: EvaluationRequest,
    folder: Path,
    progress: Progress,
) -> tuple[dict[int, Path], dict[str, Any]]:
    """Edit the pictures by the editor that was named, towards its only prompt."""
    from styleclip.evaluate import read_prompts
    from styleclip.evaluate.protocols.edited_pictures import edit_pictures

    files = request.find_files(common)
    models = common.load(encoder=options.encoder)
    mappers, sliders = load_mappers(files, models), request.load_sliders(common, models)
    editors = measured_editors(request, mappers, sliders, models)
    texts = read_prompts(request.prompt_file) if request.prompt_file else []
    prompts = requested_prompts(texts, mappers, sliders, models)
    if len(editors) != 1 or len(prompts) != 1:
        raise UsageError("a protocol measures one edit; name one editor, and one prompt in the file of --prompts")
    how = options.invert(common)
    how = replace(how, align=False) if how.align is None else how
    return edit_pictures(models, pictures, editors[0], prompts[0], folder, how, progress)
