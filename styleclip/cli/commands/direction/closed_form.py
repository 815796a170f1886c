"""What `direction sefa` and `direction ganspace` share: their options, the entry of the library, and the sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from styleclip.cli.commands.direction.entries import with_units
from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.types import LAYERS, SEEDS
from styleclip.cli.output.progress import StageProgress
from styleclip.cli.output.tables import table
from styleclip.errors import UsageError
from styleclip.settings import MAX_PSI, setting

if TYPE_CHECKING:
    from PIL.Image import Image

    from styleclip.methods.latent_direction import LatentDirection
    from styleclip.models import Models
    from styleclip.progress import OnStep

SHEET_FILES = ("sheet.png",)
MAX_FACES = 8  # side by side on a sheet


@dataclass(frozen=True)
class PackOptions:
    """Which directions are made, their name in the library, and the faces of the sheet."""

    name: str = setting("", "Name in the library; several directions are NAME:0, NAME:1, ...", metavar="NAME")
    layers: tuple[int, ...] | None = setting(
        None, "Rows of W+ that the directions move, e.g. 0-3 or 2,5-7.  [default: all]", metavar="LIST"
    )
    count: int = setting(8, "How many directions.", least=1)
    calibrate: bool = setting(True, "Measure the unit of each direction, for `--strength`.")
    seeds: tuple[int, ...] = setting((12, 17), "Faces of the sheet, e.g. 0-3.", metavar="LIST")
    psi: float = setting(1.0, "Truncation of these faces: 1 is none, 0 the mean face.", least=-MAX_PSI, most=MAX_PSI)

    def __post_init__(self) -> None:
        if not self.name:
            raise UsageError("the directions need a name in the library; pass one with --name")
        if len(self.seeds) > MAX_FACES:
            raise UsageError(f"{len(self.seeds)} faces do not fit on a sheet; pass up to {MAX_FACES} with --seeds")


pack_options = option_group("pack", PackOptions, {"layers": LAYERS, "seeds": SEEDS})


def save_pack(
    common: CommonOptions,
    pack: PackOptions,
    command: str,
    settings: dict[str, Any],
    make: Callable[[Models, OnStep], list[LatentDirection]],
    facts: Callable[[LatentDirection], str],
) -> None:
    """Make directions, put them into the library, draw their sheet and print what was made.

    Args:
        common, pack: the options.
        command: its name, after `direction`.
        settings: its own options, for the record.
        make: gives the directions; gets a function for its progress.
        facts: what is said of a direction behind its name.
    """
    from styleclip.directions.library import check_new
    from styleclip.directions.loading import add_to_library
    from styleclip.directions.own_files import direction_record
    from styleclip.images import png_bytes
    from styleclip.storage.files import atomic_write, versions
    from styleclip.storage.result_folder import ResultFolder
    from styleclip.storage.temporaries import final_path
    from styleclip.weights.urls import input_name

    check_new(pack.name, common.overwrite)
    folder = common.folder(pack.name, SHEET_FILES)
    models = common.load(clip_on_use=True)
    with (
        StageProgress(command, common.quiet) as progress,
        ResultFolder(folder, SHEET_FILES, common.overwrite) as output,
    ):
        directions = make(models, progress)
        if len(directions) == 1:
            directions = [replace(directions[0], name=pack.name)]
        if pack.calibrate:
            directions = with_units(directions, models, progress)
        sheet = _draw(models, directions, pack, progress)
        record = {
            "command": f"direction {command}",
            "model": input_name(common.model),
            "label": common.label,
            "name": pack.name,
            **settings,
            "seeds": pack.seeds,
            "psi": pack.psi,
            "directions": [direction_record(each) for each in directions],
            **models.transform_record,
            "generator": models.provenance["generator"],
            "versions": versions(),
        }
        picture = atomic_write(
            output.place / SHEET_FILES[0], png_bytes(sheet, common.recording.of_picture(record, SHEET_FILES[0]))
        )
        path = add_to_library(directions, pack.name, models, common.overwrite)
    paths = [path, final_path(picture)]
    common.report(paths, common.recording.of_json(record, folder), _lines(pack.name, directions, facts))


def _draw(models: Models, directions: list[LatentDirection], pack: PackOptions, on_step: OnStep) -> Image:
    from styleclip.directions.sheet import directions_sheet
    from styleclip.editor import Editor

    latent = Editor(models).sample(seeds=pack.seeds, psi=pack.psi)
    return directions_sheet(models, directions, latent, [f"seed {seed}" for seed in pack.seeds], on_step)


def _lines(name: str, directions: list[LatentDirection], facts: Callable[[LatentDirection], str]) -> list[str]:
    units = [f"unit {each.unit:.3g}" if each.unit else "no unit" for each in directions]
    names = [name] if len(directions) == 1 else [f"{name}:{each.name}" for each in directions]
    return table(zip(names, map(facts, directions), units, strict=True))
