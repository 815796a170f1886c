"""What the benches share: their options, the line above their tables, and networks of random weights."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import click
import torch
from torch import nn

import cuda_ops
from styleclip.errors import StyleClipError
from styleclip.files import to_json
from styleclip.models import Models
from styleclip.networks.arcface import ArcFace
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.face_recognition import FaceRecogniser, SmallRecogniser
from styleclip.networks.open_clip_hub import open_clip_architecture
from styleclip.networks.stylegan2 import Generator, GeneratorConfig
from styleclip.runtime.devices import keep_memory, pick_device, pick_dtype

Value = TypeVar("Value")
Networks = Literal["config-f", "small"]
TEXT = "a face with red hair"
WIDTHS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}  # of config-f
SMALL = GeneratorConfig(z_dim=16, w_dim=16, mapping_widths=(16, 16), channels={4: 8, 8: 8, 16: 8, 32: 8})
SMALL_CLIP = {
    "name": "small",
    "model": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 224, "patch_size": 32, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 16, "width": 16, "heads": 1, "layers": 1},
    },
    "tokens": [],
    "vocabulary": [],
}
BOTH = ("float32", "bfloat16")
KERNELS = {"native": "compiled kernels", "reference": "plain torch"}  # by the words of STYLECLIP_OPS


@dataclass(frozen=True)
class Setting:
    """Where and with what a bench runs."""

    device: torch.device
    dtypes: tuple[torch.dtype, ...]  # what was asked for; the first is meant where there is room for one
    threads: int
    networks: Networks
    quick: bool

    def apply(self) -> None:
        """Make this process work so, as the command line does."""
        torch.set_num_threads(self.threads)
        if self.device.type == "cpu":
            keep_memory()

    @property
    def dtype(self) -> torch.dtype:
        return self.dtypes[0]

    def in_float32(self) -> Setting:
        """As the published recipes are."""
        return replace(self, dtypes=(torch.float32,))

    @property
    def kernels(self) -> list[str]:
        """What STYLECLIP_OPS can say here, the fastest first."""
        return ["reference"] if cuda_ops.unavailable_reason(self.device.type) else ["native", "reference"]

    def generator(self, resolution: int, frozen: bool = True) -> Generator:
        """Of random weights, the same each time; not `frozen` it is as its training left it."""
        torch.manual_seed(0)
        generator = Generator(SMALL if self.networks == "small" else config_f(resolution)).eval()
        for name, tensor in generator.state_dict().items():
            if name.endswith("noise_strength"):
                tensor.fill_(0.1)  # zero before any training
        generator = (generator.freeze() if frozen else generator).to(self.device)
        return generator if self.dtype is torch.float32 else generator.to_mixed_precision(self.dtype)

    def models(self, resolution: int, frozen: bool = True) -> Models:
        """Networks of random weights, the same each time; CLIP sees pictures as published."""
        generator, (clip, identity) = self.generator(resolution, frozen), self._critics()
        for network in (clip, identity):
            cast(nn.Module, network).eval().requires_grad_(not frozen).to(self.device)
        clip.preprocess = "paper"
        return Models(generator, clip if self.dtype is torch.float32 else clip.to_mixed_precision(self.dtype), identity)

    def _critics(self) -> tuple[CLIP, FaceRecogniser]:
        torch.manual_seed(0)
        if self.networks == "small":
            return build_clip(SMALL_CLIP), SmallRecogniser(8)
        return open_clip_architecture("ViT-B-32"), ArcFace()


@dataclass(frozen=True)
class Report:
    """What a bench found: rows for JSON, and the same as Markdown."""

    results: Sequence[dict[str, Any]]
    text: str
    more: dict[str, Any] = field(default_factory=dict)  # further lists of rows, by name


def bench(command: Callable[..., Report]) -> click.Command:
    """A subcommand with the options that all benches have; `command(setting, ...)` measures."""

    @functools.wraps(command)
    def run(
        device: str, dtype: str, threads: int | None, networks: Networks, quick: bool, as_json: bool, **own: Any
    ) -> None:
        try:
            where = pick_device(device)
            count = threads or torch.get_num_threads()
            dtypes = tuple(pick_dtype(name, where) for name in (BOTH if dtype == "auto" else (dtype,)))
            setting = Setting(where, dtypes, count, networks, quick)
            setting.apply()
            report = command(setting, **own)
        except StyleClipError as error:
            raise click.ClickException(str(error)) from error
        told = {"about": about(setting), "results": report.results, **report.more}
        click.echo(to_json(told) if as_json else f"{headline(setting)}\n\n{report.text}", nl=not as_json)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--quick", is_flag=True, is_eager=True, help="Fewer repetitions and sizes."),
        click.option("--networks", type=click.Choice(["config-f", "small"]), default="config-f", help="small: to try."),
        click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as torch chooses]"),
        click.option("--dtype", default="auto", help="Of ours: float32 or bfloat16.  [default: float32, ops both]"),
        click.option("--device", default="auto", help="auto, cpu or cuda[:N]."),
    ):
        run = option(run)
    return click.command()(run)


def repeats_option(count: int, quick: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--repeats` of a bench."""

    def chosen(context: click.Context, option: click.Parameter, value: int | None) -> int:
        return value or (quick if context.params["quick"] else count)  # --quick is eager, so it is known by now

    told = f"Times each is measured, in turn.  [default: {count}; {quick} with --quick]"
    return click.option("--repeats", type=click.IntRange(1), callback=chosen, help=told)


def about(setting: Setting) -> dict[str, Any]:
    """What the numbers were measured on and with."""
    return {
        "machine": machine(setting.device),
        "threads": setting.threads,
        "torch": torch.__version__,
        "commit": commit(),
        "kernels": KERNELS[setting.kernels[0]],
        "networks": setting.networks,
        "dtype": [str(dtype).removeprefix("torch.") for dtype in setting.dtypes],
    }


def headline(setting: Setting) -> str:
    """`about` in a line."""
    told = about(setting)
    threads = f"{told['threads']} thread{'s' if told['threads'] > 1 else ''}"
    words = [told["machine"], threads, f"torch {told['torch']}", f"commit {told['commit']}", told["kernels"]]
    if setting.dtype is not torch.float32:
        words += told["dtype"]
    return ", ".join([*words, *(["small networks"] if setting.networks == "small" else [])])


def machine(device: torch.device) -> str:
    """The GPU, or the model of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def commit() -> str:
    """The commit of this checkout, and whether it was changed since."""
    asked = "git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty= with changes", "--abbrev=7"
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return told.stdout.strip() if told.returncode == 0 else "unknown"


def under(choice: str, work: Callable[[], Value]) -> Callable[[], Value]:
    """The work under STYLECLIP_OPS=choice, which the operations read at every call."""

    def run() -> Value:
        before = os.environ.get("STYLECLIP_OPS")
        os.environ["STYLECLIP_OPS"] = choice
        try:
            return work()
        finally:
            if before is None:
                del os.environ["STYLECLIP_OPS"]
            else:
                os.environ["STYLECLIP_OPS"] = before

    return run


def config_f(resolution: int) -> GeneratorConfig:
    """StyleGAN2's config-f."""
    channels = {side: width for side, width in WIDTHS.items() if side <= resolution}
    return GeneratorConfig(z_dim=512, w_dim=512, mapping_widths=(512,) * 8, channels=channels)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; all columns but the first hold numbers."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
