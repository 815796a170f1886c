"""Shared by the benchmarks: options, the headline above the tables, and networks with random weights."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import click
import torch
from torch import nn

import cuda_ops
import styleclip
from benchmarks.configurations import SMALL_CLIP, Networks, generator_config
from benchmarks.timing import CLOCKS, set_clock
from styleclip.errors import StyleClipError
from styleclip.models import Models
from styleclip.networks.arcface import ArcFace
from styleclip.networks.clip import CLIP, build_clip
from styleclip.networks.face_recognition import FaceRecogniser, SmallRecogniser
from styleclip.networks.generator import Generator
from styleclip.networks.open_clip_hub import open_clip_architecture
from styleclip.runtime.devices import keep_memory, pick_device, pick_dtype
from styleclip.storage.files import to_json

Value = TypeVar("Value")
PROMPT = "a face with red hair"
BOTH_DTYPES = ("float32", "bfloat16")
KERNEL_LABELS = {"native": "compiled kernels", "reference": "plain torch"}  # by value of STYLECLIP_OPS


@dataclass(frozen=True)
class Setup:
    """Device, precision, threads and networks of a benchmark."""

    device: torch.device
    dtypes: tuple[torch.dtype, ...]  # as requested; a benchmark of one precision takes the first
    threads: int
    networks: Networks
    quick: bool
    clock: str = "wall"  # of timing.CLOCKS

    def apply(self) -> None:
        """Configure this process as the command line does."""
        torch.set_num_threads(self.threads)
        set_clock(self.clock)
        if self.device.type == "cpu":
            keep_memory()

    @property
    def dtype(self) -> torch.dtype:
        return self.dtypes[0]

    def in_float32(self) -> Setup:
        """The same in float32, the precision of the published code."""
        return replace(self, dtypes=(torch.float32,))

    @property
    def kernels(self) -> list[str]:
        """The values of STYLECLIP_OPS that run here, fastest first."""
        return ["reference"] if cuda_ops.unavailable_reason(self.device.type) else ["native", "reference"]

    def generator(self, resolution: int, frozen: bool = True) -> Generator:
        """A generator with fixed random weights, trainable unless `frozen`."""
        torch.manual_seed(0)
        generator = Generator(generator_config(self.networks, resolution)).eval()
        for name, tensor in generator.state_dict().items():
            if name.endswith("noise_strength"):
                tensor.fill_(0.1)  # zero before any training
        generator = (generator.freeze() if frozen else generator).to(self.device)
        return generator if self.dtype is torch.float32 else generator.to_mixed_precision(self.dtype)

    @property
    def is_stylegan2(self) -> bool:
        return self.networks in ("config-f", "small")

    def models(self, resolution: int, frozen: bool = True) -> Models:
        """Networks with fixed random weights; CLIP preprocesses as in the published code."""
        generator, (clip, identity) = self.generator(resolution, frozen), self._clip_and_identity()
        for network in (clip, identity):
            cast(nn.Module, network).eval().requires_grad_(not frozen).to(self.device)
        clip.preprocess = "paper"
        return Models(generator, clip if self.dtype is torch.float32 else clip.to_mixed_precision(self.dtype), identity)

    def demo_models(self) -> Models:
        """The demo models without face recognition."""
        return styleclip.load("demo", identity="none", device=self.device, dtype=self.dtype)

    def _clip_and_identity(self) -> tuple[CLIP, FaceRecogniser]:
        torch.manual_seed(0)
        if self.networks == "small":
            return build_clip(SMALL_CLIP), SmallRecogniser(8)
        return open_clip_architecture("ViT-B-32"), ArcFace()


@dataclass(frozen=True)
class Report:
    """The result of a benchmark: rows for JSON, and the same as Markdown."""

    results: Sequence[dict[str, Any]]
    markdown: str
    extra: dict[str, Any] = field(default_factory=dict)  # further lists of rows for JSON, by name


def bench_command(command: Callable[..., Report]) -> click.Command:
    """Decorator: a subcommand with the common options; `command(setup, ...)` measures."""

    @functools.wraps(command)
    def run(
        device: str,
        dtype: str,
        threads: int | None,
        networks: Networks,
        quick: bool,
        clock: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        try:
            where = pick_device(device)
            count = threads or torch.get_num_threads()
            dtypes = tuple(pick_dtype(name, where) for name in (BOTH_DTYPES if dtype == "auto" else (dtype,)))
            setup = Setup(where, dtypes, count, networks, quick, clock)
            setup.apply()
            report = command(setup, **options)
        except StyleClipError as error:
            raise click.ClickException(str(error)) from error
        record = {"about": environment(setup), "results": report.results, **report.extra}
        click.echo(to_json(record) if as_json else f"{headline(setup)}\n\n{report.markdown}", nl=not as_json)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--quick", is_flag=True, is_eager=True, help="Fewer repetitions and sizes."),
        click.option("--networks", type=click.Choice(get_args(Networks)), default="config-f", help="small: to try."),
        click.option("--clock", type=click.Choice(list(CLOCKS)), default="wall", help="cpu: for a busy machine."),
        click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as torch chooses]"),
        click.option("--dtype", default="auto", help="Of ours: float32 or bfloat16.  [default: float32, ops both]"),
        click.option("--device", default="auto", help="auto, cpu or cuda[:N]."),
    ):
        run = option(run)
    return click.command()(run)


def repeats_option(count: int, quick: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option `--repeats`, with a smaller default under --quick."""

    def value_or_default(context: click.Context, option: click.Parameter, value: int | None) -> int:
        return value or (quick if context.params["quick"] else count)  # --quick is eager, so it is parsed first

    help_text = f"Times each is measured, in turn.  [default: {count}; {quick} with --quick]"
    return click.option("--repeats", type=click.IntRange(1), callback=value_or_default, help=help_text)


def environment(setup: Setup) -> dict[str, Any]:
    """The machine and the versions, for JSON."""
    return {
        "machine": machine_name(setup.device),
        "threads": setup.threads,
        "torch": torch.__version__,
        "commit": commit_name(),
        "kernels": KERNEL_LABELS[setup.kernels[0]],
        "networks": setup.networks,
        "clock": setup.clock,
        "dtype": [str(dtype).removeprefix("torch.") for dtype in setup.dtypes],
    }


def headline(setup: Setup) -> str:
    """`environment` as one line."""
    record = environment(setup)
    threads = f"{record['threads']} thread{'s' if record['threads'] > 1 else ''}"
    words = [record["machine"], threads, f"torch {record['torch']}", f"commit {record['commit']}", record["kernels"]]
    if not setup.is_stylegan2:
        words.append(setup.networks)
    if setup.clock != "wall":
        words.append("CPU seconds")
    if setup.dtype is not torch.float32:
        words += record["dtype"]
    return ", ".join([*words, *(["small networks"] if setup.networks == "small" else [])])


def machine_name(device: torch.device) -> str:
    """The GPU, or the model of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def commit_name() -> str:
    """The commit of this checkout, marked where files were changed."""
    command = "git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty= with changes", "--abbrev=7"
    try:
        record = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return record.stdout.strip() if record.returncode == 0 else "unknown"


def with_ops(choice: str, work: Callable[[], Value]) -> Callable[[], Value]:
    """`work` with STYLECLIP_OPS=choice, which the operations read at every call."""

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


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
