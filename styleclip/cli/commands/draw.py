"""`styleclip draw`: strokes that show a text (CLIPDraw)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from styleclip.canvases.drawing.settings import Drawing
from styleclip.cli.options.common import ClipOptions, clip_options, force_option, preset_option, without_none
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.interrupts import exit_code
from styleclip.settings import preset_values
from styleclip.text.names import slug
from styleclip.text.units import number_of

BACKGROUND = "A photo to draw over.  [default: white]"


@click.command("draw", cls=Command)
@option("--prompt", required=True, metavar="TEXT", help='What the drawing shall show, e.g. "a smiling face".')
@option("--negative", "negatives", multiple=True, metavar="TEXT", help="What it shall not show; may be given again.")
@force_option
@option("--background", type=EXISTING_FILE, metavar="FILE", help=BACKGROUND)
@settings_options(Drawing)
@preset_option
@clip_options
def draw(
    common: ClipOptions,
    prompt: str,
    negatives: tuple[str, ...],
    force: bool,
    background: Path | None,
    preset: str,
    **settings: Any,
) -> None:
    """Draw a text with Bezier strokes, on white or over a photo.

    Writes the drawing as PNG and SVG, and as it comes into being stroke by stroke as GIF and animated SVG.
    """
    import styleclip
    from styleclip.canvases.drawing.result import FILES

    drawing = Drawing(**preset_values(Drawing, preset, without_none(settings)))
    prompt = styleclip.Prompt(prompt).target
    folder = common.folder(f"drawings/{slug(prompt)}", FILES)
    clip = common.load_clip()
    with Progress("draw", common.quiet) as progress:
        result = styleclip.draw(
            prompt, clip, drawing, background=background, negatives=negatives, force=force, on_step=progress
        )
    paths = result.save(folder, FILES, common.overwrite, common.recording)
    similarity = f"{prompt}: similarity {result.scores['clip']:.3f} after {number_of(result.steps, 'step')}"
    common.report(paths, common.recording.of_json(result.record(), folder), [similarity])
    if result.interrupted:
        print_lines(f"Interrupted at step {progress.last}; kept the best drawing so far", err=True)
        raise click.exceptions.Exit(exit_code())
