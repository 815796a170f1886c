"""The options of commands that take photos: which face, how it is found, and how well it is inverted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import click

from styleclip.alignment.detectors import DEFAULT_DETECTOR, DETECTORS
from styleclip.cli.options.common import CommonOptions, option_group, without_none
from styleclip.cli.options.source import LatentSource
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.alignment.face_choice import FaceChoice
    from styleclip.inversion.invert import Invert

MAX_FACES = 1000  # in a photo


class Faces(click.ParamType):
    """largest, all, or a number from 1, from left to right."""

    name = "faces"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FaceChoice:
        if value in ("largest", "all"):
            return cast("FaceChoice", value)
        if not str(value).isascii() or not str(value).isdecimal() or not 1 <= int(value) <= MAX_FACES:
            self.fail(f"{value!r} is no choice of faces; use largest, all or a number from 1.", param, ctx)
        return int(value)


@dataclass(frozen=True)
class PhotoOptions:
    """What was asked for; what was left out is None."""

    face: FaceChoice | None
    align: bool | None
    landmarks: str | None
    predictor: str | None
    encoder: str | None
    refine: int | None
    tune: bool

    def check(self, source: LatentSource) -> None:
        """Raise UsageError for options that have no photo to speak of, and for photos that are not there."""
        from styleclip.alignment.photo_paths import find_photos

        options = without_none({**vars(self), "tune": self.tune or None})
        named = [f"--{'no-' if value is False else ''}{name}" for name, value in options.items()]
        if named and not source.image:
            raise UsageError(f"{named[0]} is for photos; pass it with --image")
        if source.image:
            find_photos(source.image)

    def invert(self, common: CommonOptions) -> Invert:
        """How the photos become latents."""
        from styleclip.inversion.invert import Invert
        from styleclip.inversion.pivotal_tuning import PivotalTuning
        from styleclip.inversion.refine import Refine
        from styleclip.weights.locate import weight_file

        known = DETECTORS[self.landmarks or DEFAULT_DETECTOR].weight
        if self.predictor and not known:
            owners = " or ".join(name for name, entry in DETECTORS.items() if entry.weight)
            raise UsageError(f"--predictor is {owners}'s; pass it with --landmarks {owners}")
        choices = without_none({"face": self.face, "landmarks": self.landmarks})
        return Invert(
            refine=Refine(steps=self.refine) if self.refine else None,
            tune=PivotalTuning() if self.tune else None,
            align=self.align,
            predictor=weight_file(self.predictor or known, "landmarks", common.fetch) if known else None,
            **choices,
        )


@dataclass(frozen=True)
class PastedPhotoOptions(PhotoOptions):
    """Of photos that are edited."""

    paste: bool | None


OPTIONS = (
    click.option(
        "--face",
        type=Faces(),
        metavar="largest|all|N",
        help="Which faces of a photo; numbers count from the left.  [default: largest]",
    ),
    click.option(
        "--align/--no-align",
        default=None,
        help="Cut faces out as the generator frames them, or take pictures whole.  [default: cut unless cut already]",
    ),
    click.option(
        "--landmarks", type=click.Choice(list(DETECTORS)), help="Face detector.  [default: mtcnn, no download]"
    ),
    click.option("--predictor", metavar="NAME", help="dlib's 68 landmarks: a file or URL.  [default: landmarks-68]"),
    click.option(
        "--encoder",
        metavar="NAME",
        help="Encoder for the initial latent: a name (`styleclip models list --kind encoder`), file, URL or none.  "
        "[default: what suits the generator]",
    ),
    click.option(
        "--refine",
        type=click.IntRange(1),
        metavar="N",
        help="Steps that bring the latent nearer to the photo.  [default: none, without an encoder 200]",
    ),
    click.option(
        "--tune",
        is_flag=True,
        help="Fine-tune the generator on the photo; a small file beside the latent, which is used with it by itself.",
    ),
)
PASTE = click.option(
    "--paste/--no-paste", default=None, help="Put the face back into the photo.  [default: where it was cut out]"
)
photo_options = option_group("photos", PhotoOptions, OPTIONS)
pasted_photo_options = option_group("photos", PastedPhotoOptions, (*OPTIONS, PASTE))
