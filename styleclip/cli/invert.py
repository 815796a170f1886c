"""`styleclip invert`: photos become latents that the editors take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.common import Common, common_options
from styleclip.cli.photos import Photos, photo_options
from styleclip.cli.progress import Progress

if TYPE_CHECKING:
    from styleclip.cli.rounds import Outcome
    from styleclip.inversion.inversion import Inversion


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PHOTO...")
@photo_options
@common_options
def invert(common: Common, photos: Photos, names: tuple[str, ...]) -> None:
    """Find the latent that draws each PHOTO: a file, a folder or a pattern such as 'holiday/*.jpg'.

    Writes the aligned crop, the reconstruction beside it, the latent, and how near it came. What makes several latents
    also writes all of them as one file, which `--latent` and `train-mapper --latents` take.
    """
    import styleclip
    from styleclip.cli.rounds import each_photo
    from styleclip.inversion.inversion import FILES, LATENT
    from styleclip.latents import Latent
    from styleclip.records import output_folder, save_latent

    folder = common.folder("inverted", FILES)
    inverter = photos.invert(common)
    editor = styleclip.Editor(common.load(encoder=photos.encoder))
    latents: list[Latent] = []

    def one(path: Path, place: Path) -> Outcome:
        output_folder(place, FILES, common.overwrite)
        with Progress(f"invert {path.name}", common.quiet) as progress:
            found = inverter(editor.models, path, lambda _, step: progress(step))
        latents.extend(each.latent for each in found)
        names = [f"face_{i}" if len(found) > 1 else "" for i in range(1, len(found) + 1)]
        paths = [
            file for name, each in zip(names, found, strict=True) for file in each.save(place / name, common.overwrite)
        ]
        if len(found) > 1:
            paths.append(save_latent(Latent.cat([each.latent for each in found]), place / LATENT))
        return _outcome(path, paths, found)

    def end() -> list[Path]:
        return [save_latent(Latent.cat(latents), folder / LATENT)] if latents else []

    each_photo(common, names, folder, one, end)


def _outcome(path: Path, paths: Sequence[Path], found: Sequence[Inversion]) -> Outcome:
    from styleclip.cli.rounds import Outcome

    notes = [f"{each.aligned.note + ', ' if each.aligned.note else ''}{_gains(each)}" for each in found]
    return Outcome(path, paths, {"faces": [each.record() for each in found]}, "; ".join(notes))


def _gains(inversion: Inversion) -> str:
    """L2 after each stage, as a person reads it: `encoder 0.021, refine 0.009`."""
    return ", ".join(f"{stage.name} {stage.scores['l2']:.4f}" for stage in inversion.stages)
