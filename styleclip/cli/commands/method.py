"""The command of an editing method: its settings as options, and the options that every editor has."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.common import (
    CommonOptions,
    clip_preprocess_option,
    common_options,
    ensemble_option,
    explain_option,
    force_option,
    given_neutral,
    identity_option,
    neutral_option,
    preset_option,
    without_none,
)
from styleclip.cli.options.from_settings import Command, settings_options
from styleclip.cli.options.option import option
from styleclip.cli.options.photos import PastedPhotoOptions, pasted_photo_options
from styleclip.cli.options.source import LatentSource, source_options
from styleclip.cli.options.types import CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import StyleClipError
from styleclip.interrupts import is_interrupt
from styleclip.methods import method_class
from styleclip.settings import preset_values
from styleclip.text.names import slug

if TYPE_CHECKING:
    from styleclip.cli.face_job import FaceJob
    from styleclip.results import EditResult
    from styleclip.trajectory import Trajectory

KEPT = {True: "the best result so far", False: "the source, as no step was better"}  # in the message after Ctrl-C


def method_command(
    name: str, settings_class: type | None = None, help: str | None = None, folder: str | None = None
) -> click.Command:
    """The command of METHODS[name].

    Args:
        name: the name of the method and of the command.
        settings_class: has its settings as fields; a class that imports no torch keeps `--help` quick. By default the
            class of the method.
        help: the text of `--help`; by default the docstring of the class up to its `Args:`.
        folder: where results go by default, within styleclip-out/, before the prompt; by default the name.
    """
    fields = settings_class or method_class(name)
    folder = f"{name}/" if folder is None else folder

    @click.command(name, cls=Command, help=help or _description(fields))
    @option("--prompt", required=True, metavar="TEXT", help="What the picture shall show.")
    @neutral_option
    @force_option
    @source_options
    @pasted_photo_options
    @settings_options(fields)
    @_ensemble_option(fields)
    @identity_option
    @clip_preprocess_option
    @_explain_option(fields)
    @preset_option
    @option("--save-every", type=CountRange(1), metavar="N", help="Write every N-th step to frames/.")
    @option("--video", is_flag=True, help="Write the steps of the edit as video.mp4.")
    @common_options
    def command(
        common: CommonOptions,
        source: LatentSource,
        photos: PastedPhotoOptions,
        prompt: str,
        neutral: tuple[str, ...],
        force: bool,
        identity: str | None,
        clip_preprocess: str | None,
        save_every: int | None,
        video: bool,
        preset: str,
        explain: bool = False,
        ensemble: bool = False,
        **settings: Any,
    ) -> None:
        import styleclip
        from styleclip.cli.edit_jobs import edit_jobs
        from styleclip.methods.prompt_check import check_method_prompt
        from styleclip.results import FRAMES, RESULT_FILES
        from styleclip.trajectory import Trajectory

        photos.check(source)
        text = styleclip.Prompt(prompt, given_neutral(neutral), force)
        given = without_none({**settings, "text": "ensemble" if ensemble else None})
        method = method_class(name)(**preset_values(fields, preset, given))
        written = [*RESULT_FILES, *(["video.mp4"] if video else []), *([FRAMES] if save_every else [])]
        results = common.folder(f"{folder}{slug(prompt)}", written)
        if settings.get("lambda_id") == 0:
            identity = identity or "none"  # a network without a weight is not loaded
        networks = {"identity": identity, "clip_preprocess": clip_preprocess, "encoder": photos.encoder}
        editor = styleclip.Editor(common.load(**networks))
        check_method_prompt(editor.models, text, method)  # before photos are inverted, which takes long
        for job in edit_jobs(common, source, photos, editor, results):
            with job:
                for face in job.faces():
                    with Progress(prompt, common.quiet) as progress:
                        trajectory = Trajectory(face.editor, face.folder, save_every, video, progress)
                        result = face.editor.edit(face.latent, text, method, trajectory, face.about)
                    face.save(result)
                    if explain and not common.as_json:
                        print_lines(*result.explanation())
                    if result.interrupted:
                        bettered = not (result.unchanged and all(result.unchanged))
                        face.interrupted = f"Interrupted at step {progress.last}; kept {KEPT[bettered]}"
                    _save_trajectory(face, trajectory, result)

    return command


def _save_trajectory(face: FaceJob, trajectory: Trajectory, result: EditResult) -> None:
    """Write the pictures of the steps, unless Ctrl-C comes; the result is kept then."""
    try:
        face.paths += trajectory.save(result)
        if face.pasted:
            face.films["photo.mp4"] = trajectory.film(result)
    except (KeyboardInterrupt, StyleClipError) as error:
        if not is_interrupt(error):
            raise
        face.interrupted = "Interrupted; kept the result, without the video"


def _description(fields: type) -> str:
    """The docstring without the list of settings, which the options have."""
    return (inspect.getdoc(fields) or "").partition("\n\nArgs:")[0]


def _explain_option(fields: type) -> Any:
    """`--explain`, for methods that may read the claims of a prompt, with samples."""
    reads_claims = any(field.name == "samples" for field in dataclasses.fields(fields))
    return explain_option if reads_claims else lambda command: command


def _ensemble_option(fields: type) -> Any:
    """`--ensemble`, for methods that encode their texts as their setting `text` says."""
    has_text = any(field.name == "text" for field in dataclasses.fields(fields))
    return ensemble_option if has_text else lambda command: command
