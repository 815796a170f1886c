"""The options of commands that take photos: choice of faces, alignment and inversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click

from styleclip.alignment.detectors import DEFAULT_DETECTOR, DETECTORS
from styleclip.cli.options.common import CommonOptions, without_none
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.source import LatentSource
from styleclip.cli.options.types import Parsed
from styleclip.errors import UsageError
from styleclip.settings import setting

if TYPE_CHECKING:
    from styleclip.alignment.photo_formats import PhotoFormat
    from styleclip.inversion.invert import Invert

FormatOption = Literal["png", "jpeg", "webp", "same"]
MAX_FACES = 1000  # in a photo
PREDICTORS = {name: entry.weight for name, entry in DETECTORS.items() if entry.weight}
PREDICTOR_HELP = (
    "Weights of the face detector: a name, file or URL.  [default: "
    f"{', '.join(f'{weight} for {name}' for name, weight in PREDICTORS.items())}]"
)
ENCODER_HELP = (
    "Encoder for the initial latent: a name (`styleclip models list --kind encoder`), file, URL or none.  [default: "
    "what suits the generator]"
)


def parse_face(text: str) -> str | int:
    """`largest`, `all`, or a number from 1, from left to right."""
    if text in ("largest", "all"):
        return text
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MAX_FACES:
        raise ValueError(f"{text!r} is no choice of faces; use largest, all or a number from 1.")
    return int(text)


@dataclass(frozen=True)
class PhotoOptions:
    """The values of the options; None for those that were not given."""

    face: Literal["largest", "all"] | int | None = setting(
        None, "The faces of a photo; numbers count from the left.  [default: largest]", metavar="largest|all|N"
    )
    align: bool | None = setting(
        None, "Crop faces as the generator frames them, or take pictures whole.  [default: crop unless cropped]"
    )
    landmarks: str | None = setting(None, "Face detector.  [default: mtcnn, no download]")
    predictor: str | None = setting(None, PREDICTOR_HELP, metavar="NAME")
    encoder: str | None = setting(None, ENCODER_HELP, metavar="NAME")
    refine: int | None = setting(
        None, "Optimize the latent for N steps.  [default: none; 200 without an encoder]", least=1
    )
    tune: bool = setting(
        False, "Fine-tune the generator on the photo (pivotal tuning); the latent is then edited with the tuned one."
    )

    def check(self, source: LatentSource) -> None:
        """Raise UsageError for options of photos without `--image`, and for photos that are not there."""
        from styleclip.alignment.photo_paths import find_photos

        options = without_none({**vars(self), "tune": self.tune or None})
        named = [f"--{'no-' if value is False else ''}{name}" for name, value in options.items()]
        if named and not source.image:
            raise UsageError(f"{named[0]} is for photos; pass it with --image")
        if source.image:
            find_photos(source.image)

    def invert(self, common: CommonOptions) -> Invert:
        """The inverter with these options; fetches the predictor of the landmarks where one is needed."""
        from styleclip.inversion.invert import Invert
        from styleclip.inversion.pivotal_tuning import PivotalTuning
        from styleclip.inversion.refine import Refine
        from styleclip.weights.locate import weight_file

        published = PREDICTORS.get(self.landmarks or DEFAULT_DETECTOR)
        if self.predictor and not published:
            owners = " or ".join(PREDICTORS)
            raise UsageError(f"--predictor is {owners}'s; pass it with --landmarks {owners}")
        choices = without_none({"face": self.face, "landmarks": self.landmarks})
        return Invert(
            refine=Refine(steps=self.refine) if self.refine else None,
            tune=PivotalTuning() if self.tune else None,
            align=self.align,
            predictor=weight_file(self.predictor or published, "landmarks", common.fetch) if published else None,
            **choices,
        )


@dataclass(frozen=True)
class PastedPhotoOptions(PhotoOptions):
    """The options of photos that are edited."""

    paste: bool | None = setting(None, "Paste the face back into the photo.  [default: where it was cropped]")
    format: FormatOption | None = setting(
        None, "Format of the pasted photo; same is that of the photo.  [default: png]"
    )
    quality: int | None = setting(
        None, "Quality of a pasted photo that is no PNG, 1 to 100.  [default: 95]", least=1, most=100
    )

    def check(self, source: LatentSource) -> None:
        """Also raise UsageError for a quality without a format that has one."""
        super().check(source)
        self.photo_format()

    def photo_format(self) -> PhotoFormat:
        """How the pasted photo is written."""
        return photo_format(self.format, self.quality)


def photo_format(name: FormatOption | None, quality: int | None) -> PhotoFormat:
    """The format of `--format` and `--quality`; raises UsageError for a quality without a format that has one."""
    from styleclip.alignment.photo_formats import PhotoFormat

    if quality is not None and name in (None, "png"):
        raise UsageError("--quality is for --format jpeg, webp or same; pass one of them with it")
    return PhotoFormat(name or "png", quality)


KINDS = {"face": Parsed("faces", parse_face), "landmarks": click.Choice(list(DETECTORS))}
photo_options = option_group("photos", PhotoOptions, KINDS)
pasted_photo_options = option_group("photos", PastedPhotoOptions, KINDS)
