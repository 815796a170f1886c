"""The options that most commands share: models, output, device."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from styleclip.cli import resume_gc
from styleclip.cli.options.from_settings import AdvancedOption

if TYPE_CHECKING:
    from styleclip.models import Models
    from styleclip.weights.cache import Fetch

Command = TypeVar("Command", bound=Callable[..., object])


@dataclass(frozen=True)
class CommonOptions:
    """The values of the options of every command that works with models."""

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
        """The models; a choice that is None is left to the library."""
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
        """Downloads with a bar, as --offline and --quiet say."""
        from styleclip.cli.output.progress import fetch_with_progress

        return functools.partial(fetch_with_progress, offline=self.offline, quiet=self.quiet)

    def folder(self, default: str, patterns: Sequence[str]) -> Path:
        """The output folder, made and checked before the work begins."""
        from styleclip.files import output_folder

        return output_folder(self.out or Path("styleclip-out") / default, patterns, self.overwrite)

    def results_folder(self, default: str, extras: Sequence[str], names: Iterable[str]) -> Path:
        """The output folder of a command that makes a result there, or in the folders `names` within: none has any."""
        from styleclip.files import output_folder
        from styleclip.results import RESULT_FILES

        folder = self.folder(default, (*RESULT_FILES, *extras))
        for place in (folder / name for name in names if name):
            if place.exists():
                output_folder(place, RESULT_FILES, self.overwrite)
        return folder

    def report(self, paths: Sequence[Path], record: dict[str, Any], lines: Sequence[str] = ()) -> None:
        """Print the paths of the results and `lines` about them, or with `--json` their record."""
        from styleclip.files import to_json

        if self.as_json:
            click.echo(to_json({"files": list(paths), **record}), nl=False)
        else:
            click.echo("\n".join([*map(str, paths), *lines]))


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
label_option = click.option("--label", type=int, metavar="N", help="The class of a conditional generator, from 0.")

ensemble_option = click.option("--ensemble", is_flag=True, help="Average the text over CLIP's prompt templates.")
identity_option = click.option(
    "--identity",
    type=click.Choice(["arcface", "demo", "facenet", "none"]),
    help="Face-recognition network of the identity loss.  [default: what suits the generator]",
)
clip_preprocess_option = click.option(
    "--clip-preprocess",
    type=click.Choice(["correct", "paper"]),
    cls=AdvancedOption,
    help="How images are resized and normalized for CLIP; paper is as the published code does.  [default: correct]",
)


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
