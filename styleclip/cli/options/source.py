"""The options that say which latents a command edits: seeds, a file of latents, or photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE, ROWS, SEEDS
from styleclip.errors import UsageError
from styleclip.settings import MAX_PSI, MAX_SEED, setting

if TYPE_CHECKING:
    from styleclip.edit_source import EditSource
    from styleclip.editor import Editor
    from styleclip.networks.generator import Generator
    from styleclip.regions import Region

SpaceName = Literal["z", "w", "w+", "s"]
LATENT_SPACE_HELP = "Space of the latents of FILE, where its table can be several.  [default: by its shape and numbers]"
SOURCES = ("seed", "seeds", "latent", "image")


@dataclass(frozen=True)
class LatentSource:
    """At most one of four sources, else seed 0; `rows` choose latents of a file."""

    seed: int | None = setting(None, "One sample.  [default: 0]", least=0, most=MAX_SEED)
    seeds: tuple[int, ...] | None = setting(None, "Several samples, e.g. 0-7,12.", metavar="LIST")
    psi: float | None = setting(
        None, "Truncation of the samples: 1 is none, 0 the mean face.  [default: 1]", least=-MAX_PSI, most=MAX_PSI
    )
    latent: Path | None = setting(
        None,
        "Latents of styleclip, StyleCLIP, e4e, PTI or a projector, e.g. train_faces.pt or projected_w.npz.",
        metavar="FILE",
    )
    latent_space: SpaceName | None = setting(None, LATENT_SPACE_HELP)
    rows: tuple[int, ...] | None = setting(
        None, "Which latents of FILE, e.g. 0-7,12.  [default: all, up to 64]", metavar="LIST"
    )
    image: tuple[str, ...] = setting(
        (),
        "Your own photo: a file, a folder or a pattern such as 'holiday/*.jpg'; may be given again.",
        metavar="PHOTO",
    )
    mask: Path | None = setting(
        None,
        "Where the picture may change: a picture over the frame, white there and black elsewhere.",
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        named = [f"--{name}" for name in SOURCES if getattr(self, name) not in (None, ())]
        if len(named) > 1:
            raise UsageError(f"{' and '.join(named)} both name a source; pass one of them")
        if self.rows is not None and self.latent is None:
            raise UsageError("--rows chooses from the latents of a file; pass it with --latent")
        if self.latent_space is not None and self.latent is None:
            raise UsageError("--latent-space says what a file of latents holds; pass it with --latent")
        if self.psi is not None and (self.latent is not None or self.image):
            raise UsageError("--psi is the truncation of samples; pass it with --seed or --seeds")

    def region(self, generator: Generator) -> Region | None:
        """The region of `--mask`, or None. Raises UsageError for a file that is no mask."""
        from styleclip.regions import Region

        return None if self.mask is None else Region.load(self.mask, generator.image_size)

    def load(self, editor: Editor) -> EditSource:
        """The latents, with labels for sheets, their record, and the tuning beside a file of latents."""
        from styleclip.latent_sources import file_source, sample_source

        if self.latent is not None:
            return file_source(editor.models, self.latent, self.rows, self.latent_space)
        return sample_source(editor, self.seeds if self.seeds is not None else [self.seed or 0], self.psi)


latent_space_option = option(
    "--latent-space",
    type=click.Choice(get_args(SpaceName)),
    help=LATENT_SPACE_HELP,
)
source_options = option_group(
    "source", LatentSource, {"seeds": SEEDS, "latent": EXISTING_FILE, "rows": ROWS, "mask": EXISTING_FILE}
)
latent_source_options = option_group(
    "source", LatentSource, {"seeds": SEEDS, "latent": EXISTING_FILE, "rows": ROWS}, without=("image", "mask")
)
