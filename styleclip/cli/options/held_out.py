"""The options of `styleclip evaluate` for editors of any model: what measures, pictures, strengths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE, NUMBERS, CountRange
from styleclip.errors import UsageError

SUITED = "suited"  # the value of --judge-clip without a name
MIN_SAMPLES = 50
JUDGE_CLIP = (
    "Measure edits of any model by this CLIP, which no editor follows; without NAME that of the model. Then several "
    "editors may be given."
)
JUDGE_IDENTITY = (
    "The recogniser that measures, another than that of the loss: a name, file or URL, or none.  [default: that of "
    "the model]"
)
STRENGTHS = "With --judge-clip: multiples of every editor's own step, e.g. -1,0,1.  [default: 0,0.5,1,1.5]"
IMAGE = "With --judge-clip, in place of seeds: a photo, a folder or a pattern; may be given again."
BANK = "With --judge-clip: the attributes that an edit may flip, a TOML file.  [default: those of portraits]"
FID = "With --judge-clip: also FID and KID of all edits against samples, by Inception (`models pull fid-inception`)."
UNEDITED = "With --judge-clip: samples without an edit that the judge sees.  [default: 1000]"


@dataclass(frozen=True)
class HeldOut:
    """What measures, and what only a held-out evaluation knows."""

    judge_clip: str | None = None
    judge_identity: str | None = None
    strengths: tuple[float, ...] | None = None
    image: tuple[str, ...] = ()
    bank: Path | None = None
    unedited: int | None = None
    fid: bool | None = None

    def check(self) -> None:
        """Raise UsageError for an option without --judge-clip."""
        if self.judge_clip is None:
            for name, value in vars(self).items():
                if value not in (None, ()):
                    raise UsageError(f"--{name.replace('_', '-')} is for editors of any model; pass --judge-clip too")


held_out_options = option_group(
    "held_out",
    HeldOut,
    options=[
        option("--judge-clip", is_flag=False, flag_value=SUITED, metavar="[NAME]", help=JUDGE_CLIP),
        option("--judge-identity", metavar="NAME", help=JUDGE_IDENTITY),
        option("--strengths", type=NUMBERS, metavar="LIST", help=STRENGTHS),
        option("--image", multiple=True, metavar="PHOTO", help=IMAGE),
        option("--bank", type=EXISTING_FILE, metavar="FILE", help=BANK),
        option("--unedited", type=CountRange(MIN_SAMPLES), metavar="N", help=UNEDITED),
        option("--fid", is_flag=True, default=None, flag_value=True, help=FID),
    ],
)
