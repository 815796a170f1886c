"""`styleclip invert`: photos become latents that the editors take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.photos import PhotoOptions, photo_options

if TYPE_CHECKING:
    from styleclip.cli.output.photo_batch import PhotoOutcome
    from styleclip.inversion.result import Inversion
    from styleclip.latents import Latent


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PHOTO...")
@photo_options
@common_options
def invert(common: CommonOptions, photos: PhotoOptions, names: tuple[str, ...]) -> None:
    """Find the latent that draws each PHOTO: a file, a folder or a pattern such as 'holiday/*.jpg'.

    Writes the aligned crop, the reconstruction beside it, the latent, and how near it came. What makes several latents
    also writes all of them as one file, which `--latent` and `train-mapper --latents` take; tuned generators belong to
    the latents alone.
    """
    import styleclip
    from styleclip.alignment.photo_paths import find_photos
    from styleclip.cli.faces import inverted
    from styleclip.cli.output.photo_batch import check_output_folder, run_photos
    from styleclip.inversion.result import INVERSION_FILES

    pictures = find_photos(names)
    folder = common.folder("inverted", INVERSION_FILES)
    inverter = photos.invert(common)
    editor = styleclip.Editor(common.load(encoder=photos.encoder))
    inverter.prepare(editor.models)
    latents: list[Latent] = []

    def one(path: Path, place: Path) -> PhotoOutcome:
        check_output_folder(path, place, (*INVERSION_FILES, "face_*/result.json"), common.overwrite)
        found: dict[str, Inversion] = {}
        paths: list[Path] = []
        said = ""
        try:
            for name, inversion in inverted(inverter, editor.models, path, common.quiet):
                paths += inversion.save(place / name, common.overwrite)
                found[name] = inversion
        except KeyboardInterrupt:
            if not found:
                raise
            said = f"Interrupted; kept {', '.join(found)}"
        own = [each.latent for each in found.values()]
        latents.extend(own)
        together = _save_all_latents(own, place) if "" not in found else []
        return _outcome(path, place, [*paths, *together], found, said)

    run_photos(common, pictures, folder, one, lambda: _save_all_latents(latents, folder))


def _save_all_latents(latents: Sequence[Latent], folder: Path) -> list[Path]:
    """One file of all latents; none where there is none."""
    from styleclip.inversion.result import LATENT_FILE
    from styleclip.latents import Latent, save_latent

    return [save_latent(Latent.cat(latents), folder / LATENT_FILE)] if latents else []


def _outcome(path: Path, place: Path, paths: Sequence[Path], found: Mapping[str, Inversion], said: str) -> PhotoOutcome:
    from styleclip.cli.output.photo_batch import PhotoOutcome

    notes = [f"{name} {', '.join(filter(None, (each.aligned.note, _scores(each))))}" for name, each in found.items()]
    return PhotoOutcome(
        path, place, paths, {"faces": [each.record() for each in found.values()]}, "; ".join(notes).strip(), said
    )


def _scores(inversion: Inversion) -> str:
    """L2 after each stage, as a person reads it: `L2 encoder 0.0210, refine 0.0090`."""
    return "L2 " + ", ".join(f"{stage.name} {stage.scores['l2']:.4f}" for stage in inversion.stages)
