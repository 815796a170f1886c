"""Outputs of `global-dir`: a result for every strength and threshold, a sheet, a video, the direction as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.commands.global_dir.requests import EditRequests
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.output.progress import Progress
from styleclip.errors import OutputError, UsageError
from styleclip.progress import Step
from styleclip.settings import setting

if TYPE_CHECKING:
    from styleclip.cli.face_job import FaceJob
    from styleclip.sweep_sheets import SweepSummary
    from styleclip.sweeps import SweepPoint

OUTPUT_FILES = ("grid.png", "sweep.*", "channels.*")
MAX_PICTURES = 1000  # on a sheet
MAX_MOVING = 64  # pictures in a video, at once


@dataclass(frozen=True)
class OutputOptions:
    """Outputs besides the results."""

    grid: bool = setting(False, "Draw strengths and betas on grid.png; a list of them always does.")
    video: str | None = None
    explain: bool = setting(False, "Print which channels move; also written as channels.png and .json.")
    save_direction: Path | None = setting(
        None, "Write the edit found as a small file, for --direction.", metavar="FILE"
    )

    def check(self, requests: EditRequests, several: bool, overwrite: bool) -> None:
        """Raise UsageError unless there is one direction to save, OutputError unless its file can be written."""
        from styleclip.storage.files import output_folder

        path = self.save_direction
        if path is None:
            return
        if several or len(requests.texts) != 1 or requests.direction:
            raise UsageError("--save-direction writes one edit by a text; pass one prompt, one alpha and one beta")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; pass --overwrite or another --save-direction")
        output_folder(path.parent, ())

    def check_points(self, points: Sequence[SweepPoint]) -> None:
        """Raise UsageError where no channels can be explained."""
        from styleclip.methods.style_direction import StyleDirection

        if self.explain and not any(isinstance(each, StyleDirection) for each in points[0].directions):
            raise UsageError("only directions of texts have channels to explain; leave out --explain")

    def check_size(self, faces: int, alphas: int, betas: int) -> None:
        """Raise UsageError where a sheet or a video would become too large."""
        drawn, moving = faces * alphas * betas, faces * betas
        if drawn > MAX_PICTURES and (self.grid or drawn > faces):
            raise UsageError(f"{drawn} pictures are too many for a sheet; ask for at most {MAX_PICTURES}")
        if moving > MAX_MOVING and self.video:
            raise UsageError(f"{moving} pictures at once are too many for a video; ask for at most {MAX_MOVING}")

    def write(self, face: FaceJob, summaries: Sequence[SweepSummary], quiet: bool) -> None:
        """Write the outputs that were asked for, apart from the explanation."""
        from styleclip.directions.loading import save_direction
        from styleclip.images import png_bytes, write_video
        from styleclip.storage.files import atomic_write
        from styleclip.sweep_sheets import FRAMES, sweep_films, sweep_frames, sweep_range, sweep_sheet

        if self.grid or len(summaries) > 1:
            sheet = sweep_sheet(face.editor, summaries, face.source.names)
            record = {"results": face.kept, "combinations": [each.point.combination for each in summaries]}
            png = png_bytes(sheet, face.recording.of_picture(record, "grid.png"))
            face.paths.append(atomic_write(face.folder / "grid.png", png))
        if self.video:
            frames, ranges = [], sweep_range(summaries)
            with Progress("sweep", quiet) as progress:
                for frame in sweep_frames(face.editor, ranges):
                    frames.append(frame)
                    progress(Step(len(frames), FRAMES))
            face.paths.append(write_video([*frames, *frames[-2:0:-1]], face.folder / f"sweep.{self.video}"))
            if face.pasted:
                face.films |= {f"{name}.{self.video}": film for name, film in sweep_films(face.editor, ranges).items()}
        if self.save_direction:
            [direction] = summaries[0].point.directions
            face.paths.append(save_direction(direction, face.editor.models, self.save_direction))


def edit_and_save(
    face: FaceJob, points: Sequence[SweepPoint], names: Mapping[Any, str], about: Mapping[str, Any], quiet: bool
) -> list[SweepSummary]:
    """Edit at all points and save each result in the folder of its name; summaries in the order of the points.

    Ctrl-C keeps the results that are complete, and of a single one the best so far.
    """
    from styleclip.sweep_sheets import SweepSummary
    from styleclip.sweeps import edit_at_points

    summaries: dict[Any, SweepSummary] = {}
    message = "Interrupted; kept the best result so far"
    try:
        with Progress("global-dir", quiet) as progress:
            for found in edit_at_points(face.editor, face.latent, points, progress, {**about, **face.about}):
                summaries[found.combination] = SweepSummary.of(face.editor, found)
                face.save(found.result, names[found.combination])
                face.interrupted = message if found.result.interrupted else face.interrupted
    except KeyboardInterrupt:
        if not summaries:
            raise
        face.interrupted = f"Interrupted; kept {len(summaries)} of {len(points)} results"
    return [summaries[each] for each in names if each in summaries]


video_option = option(
    "--video",
    is_flag=False,
    flag_value="mp4",
    type=click.Choice(["mp4", "gif"]),
    help="Sweep the strength up and down, as sweep.mp4 or sweep.gif.",
)
output_options = option_group(
    "outputs", OutputOptions, {"save_direction": click.Path(dir_okay=False, path_type=Path)}, options=(video_option,)
)
