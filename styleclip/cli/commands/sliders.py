"""`styleclip sliders`: edit faces by several sliders at once."""

from __future__ import annotations

import click

from styleclip.cli.options.common import CommonOptions, common_options, explain_option
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.sliders import SliderRequests, request_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress


@click.command()
@request_options
@source_options
@pasted_photo_options
@explain_option
@common_options
def sliders(
    common: CommonOptions,
    source: LatentSource,
    photos: PastedPhotoOptions,
    requests: SliderRequests,
    explain: bool,
) -> None:
    """Edit faces by several sliders that add up, in any order the same: texts, directions, mappers, finished edits.

    Each step is found for the face as it is; strength 1 is the whole step, 0 none, and a negative one reverses it.
    """
    import styleclip
    from styleclip.cli.child_results import SHEET, edit_and_save
    from styleclip.cli.edit_jobs import edit_jobs
    from styleclip.methods.slider_edit import check_texts

    photos.check(source)
    requests.texts()
    mappers, names = requests.find_files(common.fetch), requests.child_names
    folder = common.results_folder(requests.folder, (SHEET,) if len(names) > 1 else (), names)
    editor = styleclip.Editor(common.load(encoder=photos.encoder))
    children = requests.load_children(editor.models, common.fetch)
    with Progress("sliders", common.quiet) as progress:
        found = requests.load(editor.models, mappers, common.fetch, progress)
    check_texts(editor.models, found)  # before photos are inverted, which takes long
    for job in edit_jobs(common, source, photos, editor, folder, names):
        with job:
            for face in job.faces():
                result = edit_and_save(face, found, names, children)
                if explain and not common.as_json:
                    print_lines(*result.explanation())
