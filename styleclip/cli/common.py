"""The options that several commands share, and the types that parse them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.editor import Editor
    from styleclip.latents import Latent
    from styleclip.models.bundle import Models

MAX_SEEDS = 10_000
MAX_SEED = 2**63 - 1

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
                self.fail(f"{value!r} is not a list of seeds; write it like 0-7 or 0-7,12.", param, ctx)
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                self.fail(f"{part.strip()!r} runs backwards; write the smaller seed first.", param, ctx)
            if last - first + len(seeds) >= MAX_SEEDS:
                self.fail(f"{value!r} names too many seeds; ask for at most {MAX_SEEDS} at once.", param, ctx)
            seeds |= dict.fromkeys(range(first, last + 1))
        return tuple(seeds)


@dataclass(frozen=True)
class Common:
    """What every command that makes pictures takes."""

    model: str
    clip: str | None
    out: Path | None
    device: str
    dtype: str
    as_json: bool
    quiet: bool
    overwrite: bool

    def load(self, **choices: Any) -> Models:
        """The models, with the choices that were made (None: the library's default)."""
        import styleclip
        from styleclip.devices import pick_device, pick_dtype

        device = pick_device(self.device)
        dtype = pick_dtype(self.dtype, device)
        return styleclip.load(self.model, clip=self.clip, device=device, dtype=dtype, **given(choices))

    def folder(self, default: str, patterns: Sequence[str]) -> Path:
        """The output folder, made and checked before the work begins."""
        from styleclip.records import output_folder

        return output_folder(self.out or Path("styleclip-out") / default, patterns, self.overwrite)

    def report(self, paths: Sequence[Path], record: dict[str, Any]) -> None:
        """Print the paths of the results, or with `--json` their record."""
        from styleclip.records import to_json

        if self.as_json:
            click.echo(to_json({"files": list(paths), **record}), nl=False)
        else:
            click.echo("\n".join(map(str, paths)))


@dataclass(frozen=True)
class Source:
    """Where the latent comes from: at most one of three options; seed 0 when none is given."""

    seed: int | None
    seeds: tuple[int, ...] | None
    latent: Path | None

    def __post_init__(self) -> None:
        named = [f"--{name}" for name, value in vars(self).items() if value is not None]
        if len(named) > 1:
            raise UsageError(f"{' and '.join(named)} both name a source; pass one of them")

    def load(self, editor: Editor) -> Latent:
        from styleclip.latents import Latent

        return Latent.load(self.latent) if self.latent else editor.sample(seeds=self._seeds())

    def record(self) -> dict[str, Any]:
        """Where the latent came from, for the record of the result."""
        return {"latent": self.latent.resolve()} if self.latent else {"seeds": self._seeds()}

    def _seeds(self) -> list[int]:
        return list(self.seeds) if self.seeds is not None else [self.seed or 0]


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; the defaults of the others live in the library."""
    return {name: value for name, value in options.items() if value is not None}


def slug(text: str) -> str:
    """`A face, with red hair!` -> `a-face-with-red-hair`."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")[:60] or "edit"


def gathered(name: str, kind: type, options: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:
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


common_options = gathered(
    "common",
    Common,
    (
        click.option("--model", default="demo", metavar="NAME_OR_PATH", help="The generator."),
        click.option("--clip", metavar="NAME", help="The CLIP model.  [default: the one that suits the generator]"),
        click.option(
            "--out", type=click.Path(path_type=Path), metavar="DIR", help="Output folder.  [default: in styleclip-out/]"
        ),
        click.option("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="Where to run."),
        click.option("--dtype", default="auto", type=click.Choice(["auto", "float32", "bfloat16"]), help="Precision."),
        click.option("--json", "as_json", is_flag=True, help="Print the record as JSON and nothing else."),
        click.option("--quiet", is_flag=True, help="No progress."),
        click.option("--overwrite", is_flag=True, help="Replace earlier results."),
    ),
)

source_options = gathered(
    "source",
    Source,
    (
        click.option("--seed", type=click.IntRange(0, MAX_SEED), metavar="N", help="One sample.  [default: 0]"),
        click.option("--seeds", type=Seeds(), metavar="LIST", help="Several samples, e.g. 0-7,12."),
        click.option(
            "--latent",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="A latent that styleclip saved.",
        ),
    ),
)
