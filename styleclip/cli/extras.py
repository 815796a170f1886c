"""What `global-dir` can make besides its results: a sheet, a video, an explanation, and the direction as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from styleclip.cli.options.common import option_group
from styleclip.cli.wishes import EditRequests
from styleclip.errors import OutputError, UsageError

FILES = ("grid.png", "sweep.*", "channels.*")
MAX_PICTURES = 1000  # on a sheet
MAX_MOVING = 64  # pictures in a video, at once


@dataclass(frozen=True)
class OutputOptions:
    """What was asked for; styleclip.cli.outcomes makes it."""

    grid: bool
    video: str | None
    explain: bool
    save_direction: Path | None

    def check(self, wishes: EditRequests, several: bool, overwrite: bool) -> None:
        """See that there is one direction to save, and that its file can be written."""
        from styleclip.files import output_folder

        path = self.save_direction
        if path is None:
            return
        if several or len(wishes.texts) != 1 or wishes.direction:
            raise UsageError("--save-direction writes one edit; pass one prompt, one alpha and one beta")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; pass --overwrite or another --save-direction")
        output_folder(path.parent, ())

    def check_size(self, faces: int, alphas: int, betas: int) -> None:
        """See that a sheet and a video do not become too large."""
        drawn, moving = faces * alphas * betas, faces * betas
        if drawn > MAX_PICTURES and (self.grid or drawn > faces):
            raise UsageError(f"{drawn} pictures are too many for a sheet; ask for at most {MAX_PICTURES}")
        if moving > MAX_MOVING and self.video:
            raise UsageError(f"{moving} pictures at once are too many for a video; ask for at most {MAX_MOVING}")


extras_options = option_group(
    "extras",
    OutputOptions,
    (
        click.option("--grid", is_flag=True, help="Draw strengths and betas on grid.png; a list of them always does."),
        click.option(
            "--video",
            is_flag=False,
            flag_value="mp4",
            type=click.Choice(["mp4", "gif"]),
            help="Sweep the strength up and down, as sweep.mp4 or sweep.gif.",
        ),
        click.option("--explain", is_flag=True, help="Tell which channels move, also as channels.png and .json."),
        click.option(
            "--save-direction",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Write the edit found as a small file, for --direction.",
        ),
    ),
)
