"""The options that most commands share: models, output, device."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from styleclip.cli import resume_gc
from styleclip.cli.options.from_settings import Decorated, option_group
from styleclip.cli.options.option import AdvancedOption, option
from styleclip.cli.options.types import ROW_LAYERS, SHIFT, Count, FiniteRange
from styleclip.cli.output.printing import print_json, print_lines
from styleclip.settings import PRESETS, setting

if TYPE_CHECKING:
    from styleclip.models import Models
    from styleclip.networks.clip import CLIP as CLIPModel
    from styleclip.storage.recording import Recording
    from styleclip.weights.cache import Fetch

LABEL = "The class of a conditional generator, from 0."
AMOUNT = "How much of an adapted generator: 0 is its parent, weights in between are interpolated.  [default: 1]"
TRANSLATE = "Move the pictures of a StyleGAN3 to the right and down, in widths of the image, e.g. 0.1,-0.05."
ROTATE = "Turn the pictures of a StyleGAN3 counter-clockwise, in degrees."
PARENT_LAYERS = "Layers of an adapted generator that are its parent's, by rows of W+, e.g. 0-3."
CLIP = (
    "The CLIP: NAME (`styleclip models list --kind clip`), FILE, URL, ARCHITECTURE/TAG for one that open_clip names, "
    "or ARCHITECTURE/FILE for one that it wrote.  [default: what suits the generator]"
)
CLIP_ALONE = CLIP.replace("what suits the generator", "that of the demo models")
CHOICES = ("label", "amount", "parent_layers", "translate", "rotate")  # arguments of `load` that are given as options
FORCE = "Edit also by words that the CLIP does not know."
QUIET = "Show no progress."
OFFLINE = "Never use the network; an error names the missing file."


@dataclass(frozen=True)
class CommonOptions:
    """The options of every command that works with models; `out` is None for the default of the command."""

    model: str = setting("demo", "The generator: a name (`styleclip models list`), file or URL.", metavar="NAME")
    label: int | None = setting(None, LABEL)
    amount: float | None = setting(None, AMOUNT, least=0, most=1)
    parent_layers: tuple[int, ...] | None = setting(None, PARENT_LAYERS, metavar="LIST", advanced=True)
    translate: tuple[float, float] | None = setting(None, TRANSLATE, metavar="X,Y")
    rotate: float | None = setting(None, ROTATE, metavar="DEGREES")
    clip: str | None = setting(None, CLIP, metavar="NAME")
    out: Path | None = setting(None, "Output folder.  [default: in styleclip-out/]", metavar="DIR")
    device: str = setting("auto", "Device to run on.", metavar="auto|cpu|cuda[:N]")
    dtype: Literal["auto", "float32", "bfloat16"] = setting("auto", "Precision.")
    as_json: bool = setting(False, "Print the record as JSON and nothing else.", option="json")
    quiet: bool = setting(False, QUIET)
    overwrite: bool = setting(False, "Replace earlier results.")
    offline: bool = setting(False, OFFLINE)
    metadata: bool = setting(True, "Write settings, names and hashes of files into pictures.")
    record_paths: bool = setting(False, "Write absolute paths to result.json.  [default: relative to it]")

    def load(self, **choices: Any) -> Models:
        """The models; a choice that is None is left to the library."""
        import styleclip
        from styleclip.runtime.devices import keep_memory, pick_device, pick_dtype

        device = pick_device(self.device)
        if device.type == "cpu":
            keep_memory()
        dtype = pick_dtype(self.dtype, device)
        own = {name: getattr(self, name) for name in CHOICES}
        more = without_none({**own, **choices})
        models = styleclip.load(self.model, clip=self.clip, device=device, dtype=dtype, fetch=self.fetch, **more)
        resume_gc()
        return models

    @property
    def recording(self) -> Recording:
        """What the files of a result say of how they were made."""
        from styleclip.storage.recording import Recording

        return Recording(self.metadata, self.record_paths)

    @property
    def fetch(self) -> Fetch:
        """Downloads with a bar, as --offline and --quiet say."""
        from styleclip.cli.output.progress import fetch_with_progress

        return functools.partial(fetch_with_progress, offline=self.offline, quiet=self.quiet)

    def folder(self, default: str, patterns: Sequence[str]) -> Path:
        """The output folder, made and checked before the work begins, and locked until the command ends."""
        from styleclip.storage.files import output_folder
        from styleclip.storage.result_folder import locked_folder

        folder = self.out or Path("styleclip-out") / default
        click.get_current_context().with_resource(locked_folder(folder))
        return output_folder(folder, patterns, self.overwrite)

    def lock(self, files: Iterable[Path], folder: Path) -> None:
        """Lock files and a folder that the command will write, until it ends."""
        from styleclip.storage.result_folder import locked_file, locked_folder

        for file in files:
            click.get_current_context().with_resource(locked_file(file))
        click.get_current_context().with_resource(locked_folder(folder))

    def results_folder(self, default: str, extras: Sequence[str], names: Iterable[str]) -> Path:
        """The output folder, where neither it nor the folders `names` within have a result."""
        from styleclip.results import RESULT_FILES
        from styleclip.storage.files import output_folder

        folder = self.folder(default, (*RESULT_FILES, *extras))
        for place in (folder / name for name in names if name):
            if place.exists():
                output_folder(place, RESULT_FILES, self.overwrite)
        return folder

    def report(self, paths: Sequence[Path], record: dict[str, Any], lines: Sequence[str] = ()) -> None:
        """Print the paths of the results and `lines` about them, or with `--json` their record."""
        if self.as_json:
            print_json({"files": list(paths), **record})
        else:
            print_lines(*paths, *lines)


@dataclass(frozen=True)
class ClipOptions(CommonOptions):
    """The options of commands that work with a CLIP and no generator."""

    clip: str | None = setting(None, CLIP_ALONE, metavar="NAME")

    def load_clip(self) -> CLIPModel:
        """The CLIP, frozen, on the device."""
        import styleclip
        from styleclip.runtime.devices import keep_memory, pick_device

        device = pick_device(self.device)
        if device.type == "cpu":
            keep_memory()
        clip = styleclip.load_clip(self.clip, fetch=self.fetch).to(device)
        resume_gc()
        return clip


def without_none(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; the defaults of the others live in the library."""
    return {name: value for name, value in options.items() if value is not None}


def given_neutral(texts: tuple[str, ...]) -> str | tuple[str, ...] | None:
    """The values of `--neutral`, as Prompt takes them."""
    return texts[0] if len(texts) == 1 else texts or None


neutral_option = option(
    "--neutral", multiple=True, metavar="TEXT", help="What it shows now; several texts are averaged."
)
preset_option = option(
    "--preset",
    type=click.Choice(PRESETS),
    default="suited",
    help="Settings that are not given: those that suit the model, or all as published.",
)
force_option = option("--force", is_flag=True, help=FORCE)
explain_option = option("--explain", is_flag=True, help="Print how the prompt was understood.")
quiet_option = option("--quiet", is_flag=True, help=QUIET)
offline_option = option("--offline", is_flag=True, help=OFFLINE)
label_option = option("--label", type=Count(), metavar="N", help=LABEL)
amount_option = option("--amount", type=FiniteRange(0, 1), metavar="F", default=1.0, show_default=False, help=AMOUNT)
parent_layers_option = option(
    "--parent-layers", type=ROW_LAYERS, metavar="LIST", default=(), help=PARENT_LAYERS, cls=AdvancedOption
)
ensemble_option = option("--ensemble", is_flag=True, help="Average the text over CLIP's prompt templates.")
identity_option = option(
    "--identity",
    type=click.Choice(["arcface", "demo", "facenet", "none"]),
    help="Face-recognition network of the identity loss.  [default: what suits the generator]",
)
clip_preprocess_option = option(
    "--clip-preprocess",
    type=click.Choice(["correct", "paper"]),
    cls=AdvancedOption,
    help="How images are resized and normalized for CLIP; paper is as the published code does.  [default: correct]",
)


COMMON_KINDS = {"parent_layers": ROW_LAYERS, "translate": SHIFT}
common_options = option_group("common", CommonOptions, COMMON_KINDS)
common_options_but_clip = option_group("common", CommonOptions, COMMON_KINDS, without=("clip",))
clip_options = option_group("common", ClipOptions, without=("model", *CHOICES, "dtype"))


def common_options_with(out: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """The options of `CommonOptions`, for a command that says itself what `--out` is."""
    left_out = ("out", "metadata", "record_paths")
    return option_group("common", CommonOptions, COMMON_KINDS, without=left_out, options=(out,))
