"""The command of a registered editing method that has no module of its own here: its options are its settings."""

from __future__ import annotations

from typing import Any

import click

from styleclip.cli.options.common import CommonOptions, common_options, slug, without_none
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.output.progress import Progress
from styleclip.methods import method_class


def method_command(name: str) -> click.Command:
    """The command of a method of `styleclip.methods.METHODS`; its help is the docstring of the method."""
    kind = method_class(name)

    @click.command(name, cls=Command, help=(kind.__doc__ or "").partition("\n\n    Args:")[0])
    @click.option("--prompt", required=True, metavar="TEXT", help="What the picture shall show.")
    @click.option("--neutral", metavar="TEXT", help="What it shows now.")
    @source_options
    @pasted_photo_options
    @settings_options(kind)
    @common_options
    def command(
        common: CommonOptions,
        source: LatentSource,
        photos: PastedPhotoOptions,
        prompt: str,
        neutral: str | None,
        **settings: Any,
    ) -> None:
        import styleclip
        from styleclip.cli.edit_jobs import edit_jobs
        from styleclip.results import RESULT_FILES

        photos.check(source)
        text = styleclip.Prompt(prompt, **without_none({"neutral": neutral}))
        method = kind(**without_none(settings))
        folder = common.folder(f"{name}/{slug(prompt)}", RESULT_FILES)
        editor = styleclip.Editor(common.load(encoder=photos.encoder))
        for job in edit_jobs(common, source, photos, editor, folder):
            with job:
                for face in job.faces():
                    with Progress(prompt, common.quiet) as progress:
                        result = face.editor.edit(face.latent, text, method, progress, face.about)
                    face.save(result)
                    if result.interrupted:
                        face.interrupted = "Interrupted; kept the best result so far"

    return command
