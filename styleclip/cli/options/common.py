"""The options that several commands share, and the types that parse them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from styleclip.cli.garbage import resume_gc
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.editor import Editor
    from styleclip.latents import Latent
    from styleclip.models import Models
    from styleclip.weights.cache import Fetch

MAX_SEEDS = 10_000
MAX_SEED = 2**63 - 1
MAX_LATENTS = 64  # of a file without --rows: some hold the faces of a whole dataset

Command = TypeVar("Command", bound=Callable[..., object])


class FiniteRange(click.FloatRange):
    """A number in a range, neither NaN nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return float(number)


class Seeds(click.ParamType):
    """Seeds such as `0-7` or `0-7,12`; each is taken once."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        seeds: dict[int, None] = {}
        for part in str(value).split(","):
            match = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", part, re.ASCII)
            if match is None:
                self.fail(f"{value!r} is not a list of {self.name}; write it like 0-7 or 0-7,12.", param, ctx)
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                self.fail(f"{part.strip()!r} runs backwards; write the smaller number first.", param, ctx)
            if last - first + len(seeds) >= MAX_SEEDS:
                self.fail(f"{value!r} names too many {self.name}; ask for at most {MAX_SEEDS} at once.", param, ctx)
            seeds |= dict.fromkeys(range(first, last + 1))
        return tuple(seeds)


class LossResolution(click.ParamType):
    """`auto`, `full` or a number of px."""

    name = "px"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        if value in ("auto", "full") or isinstance(value, int):
            return value
        if not value.isascii() or not value.isdigit() or int(value) < 4:
            self.fail(f"{value!r} is not a resolution; pass auto, full or a number of px, e.g. 256.", param, ctx)
        return int(value)


class Rows(Seeds):
    """Rows of a file, counted from 0, written like seeds."""

    name = "rows"


@dataclass(frozen=True)
class CommonOptions:
    """What every command that makes pictures takes."""

    model: str
    clip: str | None
    out: Path | None
    device: str
    dtype: str
    as_json: bool
    quiet: bool
    overwrite: bool
    offline: bool
    label: int | None

    def load(self, **choices: Any) -> Models:
        """The models, with the choices that were made (None: the library's default)."""
        import styleclip
        from styleclip.runtime.devices import keep_memory, pick_device, pick_dtype

        device = pick_device(self.device)
        if device.type == "cpu":
            keep_memory()
        dtype = pick_dtype(self.dtype, device)
        more = without_none({"label": self.label, **choices})
        models = styleclip.load(self.model, clip=self.clip, device=device, dtype=dtype, fetch=self.fetch, **more)
        resume_gc()
        return models

    @property
    def fetch(self) -> Fetch:
        """Downloads as these options want them."""
        from styleclip.cli.fetching import fetch_with_progress

        return functools.partial(fetch_with_progress, offline=self.offline, quiet=self.quiet)

    def folder(self, default: str, patterns: Sequence[str]) -> Path:
        """The output folder, made and checked before the work begins."""
        from styleclip.files import output_folder

        return output_folder(self.out or Path("styleclip-out") / default, patterns, self.overwrite)

    def results_folder(self, default: str, extras: Sequence[str], names: Iterable[str]) -> Path:
        """The output folder of a command that makes a result there, or in the folders `names` within: none has any."""
        from styleclip.files import output_folder
        from styleclip.results import FILES

        folder = self.folder(default, (*FILES, *extras))
        for place in (folder / name for name in names if name):
            if place.exists():
                output_folder(place, FILES, self.overwrite)
        return folder

    def report(self, paths: Sequence[Path], record: dict[str, Any]) -> None:
        """Print the paths of the results, or with `--json` their record."""
        from styleclip.files import to_json

        if self.as_json:
            click.echo(to_json({"files": list(paths), **record}), nl=False)
        else:
            click.echo("\n".join(map(str, paths)))


@dataclass(frozen=True)
class LatentSource:
    """Where the latents come from: at most one of four options; seed 0 when none is given. Rows choose from a file."""

    seed: int | None
    seeds: tuple[int, ...] | None
    latent: Path | None
    rows: tuple[int, ...] | None
    image: tuple[str, ...]

    def __post_init__(self) -> None:
        named = [f"--{name}" for name, value in vars(self).items() if value not in (None, ()) and name != "rows"]
        if len(named) > 1:
            raise UsageError(f"{' and '.join(named)} both name a source; pass one of them")
        if self.rows is not None and self.latent is None:
            raise UsageError("--rows chooses from the latents of a file; pass it with --latent")

    def load(self, editor: Editor) -> Latent:
        return self._read(self.latent) if self.latent else editor.sample(seeds=self._seeds())

    def record(self) -> dict[str, Any]:
        """Where the latent came from, for the record of the result."""
        if self.latent is None:
            return {"seeds": self._seeds()}
        return {"latent": self.latent.resolve(), **without_none({"rows": self.rows})}

    def names(self, count: int) -> list[str]:
        """What the faces are called on a sheet."""
        if self.latent is None:
            return [f"seed {seed}" for seed in self._seeds()]
        return [f"row {row}" for row in self.rows or range(count)]

    def _read(self, path: Path) -> Latent:
        import torch

        from styleclip.weights.load import load_latents

        latent = load_latents(path)
        rows = range(len(latent)) if self.rows is None else self.rows
        if self.rows is None and len(rows) > MAX_LATENTS:
            raise UsageError(f"{path} holds {len(rows)} latents; choose some of them, e.g. with --rows 0-7")
        if max(rows) >= len(latent):
            raise UsageError(f"{path} holds {len(latent)} latents, the last is row {len(latent) - 1}; change --rows")
        return latent[torch.tensor(rows)]

    def _seeds(self) -> list[int]:
        return list(self.seeds) if self.seeds is not None else [self.seed or 0]


def without_none(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; the defaults of the others live in the library."""
    return {name: value for name, value in options.items() if value is not None}


def slug(text: str) -> str:
    """`A face, with red hair!` -> `a-face-with-red-hair`."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")[:60] or "edit"


def option_group(name: str, kind: type, options: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    """A decorator that adds `options` to a command and hands it their values as one argument `name`, a `kind`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapper(**values: Any) -> object:
            own = {field.name: values.pop(field.name) for field in fields(kind)}
            return command(**values, **{name: kind(**own)})

        wrapped: Any = wrapper
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


overwrite_option = click.option("--overwrite", is_flag=True, help="Replace earlier results.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress.")
offline_option = click.option("--offline", is_flag=True, help="Never use the network; say what is missing.")
loss_resolution_option = click.option(
    "--loss-resolution",
    type=LossResolution(),
    metavar="auto|full|PX",
    help="Of the pictures that the losses see; auto is no less than CLIP sees.  [default: auto]",
)
label_option = click.option("--label", type=int, metavar="N", help="The class of a conditional generator, from 0.")


def common_options_with(out: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """The options of `CommonOptions`, for a command that says itself what `--out` is."""
    options = (
        click.option(
            "--model",
            default="demo",
            metavar="NAME",
            help="The generator: a name (`styleclip models list`), file or URL.",
        ),
        label_option,
        click.option(
            "--clip",
            metavar="NAME",
            help="The CLIP: NAME (`styleclip models list --kind clip`), FILE, URL, ARCHITECTURE/TAG for one that "
            "open_clip fetches, or ARCHITECTURE/FILE for one that it wrote.  [default: what suits the generator]",
        ),
        out,
        click.option("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="Where to run."),
        click.option("--dtype", default="auto", type=click.Choice(["auto", "float32", "bfloat16"]), help="Precision."),
        click.option("--json", "as_json", is_flag=True, help="Print the record as JSON and nothing else."),
        quiet_option,
        overwrite_option,
        offline_option,
    )
    return option_group("common", CommonOptions, options)


common_options = common_options_with(
    click.option(
        "--out", type=click.Path(path_type=Path), metavar="DIR", help="Output folder.  [default: in styleclip-out/]"
    )
)

source_options = option_group(
    "source",
    LatentSource,
    (
        click.option("--seed", type=click.IntRange(0, MAX_SEED), metavar="N", help="One sample.  [default: 0]"),
        click.option("--seeds", type=Seeds(), metavar="LIST", help="Several samples, e.g. 0-7,12."),
        click.option(
            "--latent",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Latents that styleclip saved, or of StyleCLIP, e4e or PTI, e.g. train_faces.pt or w_plus.npy.",
        ),
        click.option(
            "--rows", type=Rows(), metavar="LIST", help="Which latents of FILE, e.g. 0-7,12.  [default: all, up to 64]"
        ),
        click.option(
            "--image",
            multiple=True,
            metavar="PHOTO",
            help="Your own photo: a file, a folder or a pattern such as 'holiday/*.jpg'; may be given again.",
        ),
    ),
)
