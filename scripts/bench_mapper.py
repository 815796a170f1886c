"""`python -m scripts.bench mapper`: a step in the training of a latent mapper, ours against the published one.

Both train the same mapper on the same networks, whose weights are random, so no file is needed.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import click
import torch

from scripts.published import Published
from scripts.timing import config_f, machine, timed
from styleclip.cli.progress import human_number
from styleclip.devices import pick_device, pick_dtype
from styleclip.models.bundle import Models
from styleclip.models.clip import build_clip
from styleclip.models.clip_names import open_clip_architecture
from styleclip.models.identity import SmallRecogniser
from styleclip.models.irse import ArcFace
from styleclip.models.stylegan2 import Generator, GeneratorConfig
from styleclip.prompts import Prompt
from styleclip.records import to_json
from styleclip.training.learners import Learners
from styleclip.training.settings import PIXELS, PUBLISHED, MapperTraining
from styleclip.training.sources import latents_to_learn
from styleclip.training.workers import Workers

Networks = Literal["config-f", "small"]
SIDE = 256  # px
PROMPT = Prompt("a face with red hair")
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


@dataclass(frozen=True)
class Way:
    """One way of training a mapper, `batch` pictures a step of which ours renders `at_once` together."""

    ours: bool
    batch: int
    at_once: int
    networks: Networks
    device: torch.device
    dtype: torch.dtype
    threads: int

    @property
    def name(self) -> str:
        if not self.ours:
            return f"published, batch {self.batch}"
        parts = "" if self.at_once >= self.batch else f" in parts of {self.at_once}"
        return f"ours, batch {self.batch}{parts}" + (", bfloat16" if self.dtype is torch.bfloat16 else "")

    def steps(self) -> dict[str, Callable[[], Any]]:
        """What there is to measure, by the name of the row; in a training ours sees every picture new at first."""
        torch.set_num_threads(self.threads)
        models = load(self.networks, self.device, self.dtype)
        training = replace(MapperTraining(batch_size=self.batch, held_out=1), optimizer="ranger").settled(models)
        latent = latents_to_learn(models, replace(training, num_latents=2 * self.batch), None)
        if not self.ours:
            published, ws = Published(models, PROMPT, training), latent.data[: self.batch]
            return {self.name: lambda: published.step(ws)}
        learners = Learners(models, [PROMPT], training, latent, Workers(), self.at_once)

        def new() -> None:
            learners.sources.seen.clear()
            learners.step(0)

        return {f"{self.name}, new pictures": new, f"{self.name}, pictures seen before": lambda: learners.step(0)}


@click.command()
@click.option("--steps", type=click.IntRange(1), help="Steps of each, in turn.  [default: 3; 1 with --quick]")
@click.option("--quick", is_flag=True, help="Ours in the batch of the published only.")
@click.option(
    "--networks", default="config-f", type=click.Choice(["config-f", "small"]), help="small: to try the bench."
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as torch chooses]")
@click.option("--device", default="auto", help="auto, cpu or cuda[:N].")
@click.option("--dtype", default="auto", help="float32 or bfloat16, of ours; the published is in float32.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def mapper(
    steps: int | None, quick: bool, networks: Networks, threads: int | None, device: str, dtype: str, as_json: bool
) -> None:
    """Time a training step of `styleclip train-mapper` at 256 px, and its memory, against the published one."""
    where, threads = pick_device(device), threads or torch.get_num_threads()
    steps = steps or (1 if quick else 3)
    torch.set_num_threads(threads)
    common = (networks, where, pick_dtype(dtype, where), threads)
    at_once = PIXELS[where.type] // SIDE**2
    ours = [Way(True, *sizes, *common) for sizes in ((2, at_once), *(() if quick else ((16, at_once),)))]
    results = compared([replace(Way(False, 2, 2, *common), dtype=torch.float32), *ours], steps)
    about = {"machine": machine(where), "networks": networks, "torch": torch.__version__, "steps": steps}
    click.echo(to_json({**about, "results": results}) if as_json else markdown(about, results), nl=not as_json)


def compared(ways: list[Way], repeats: int) -> list[dict[str, Any]]:
    """A row for everything there is to measure; ratios are to the first."""
    memory = {way.name: in_a_process(way) for way in ways}  # first, while this process is small
    rows = {name: (way, step) for way in ways for name, step in way.steps().items()}
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(repeats):
        for name, (_, step) in rows.items():
            seconds[name].append(timed(step)[0])
    results: list[dict[str, Any]] = []
    for name, (way, _) in rows.items():
        total, networks = memory[way.name]
        row = {"step": name, "seconds": statistics.median(seconds[name]), "memory": total, "beyond": total - networks}
        row["rate"] = way.batch / row["seconds"]
        first = results[0] if results else row
        results.append(row | {f"{kind}_ratio": row[kind] / first[kind] for kind in ("rate", "memory", "beyond")})
    return results


def in_a_process(way: Way) -> tuple[int, int]:
    """`peak(way)` in a process of its own, forked from one that has imported all and done nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(peak, way).result()


def peak(way: Way) -> tuple[int, int]:
    """Bytes in use at most, in two steps, and those in use when the networks had been loaded."""
    steps = [*way.steps().values()]
    networks = in_use(way.device)
    steps[0]()
    steps[-1]()  # now with the gradients and the moments that the first one left
    return in_use(way.device), networks


def in_use(device: torch.device) -> int:
    """Bytes in use at most so far: of the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def load(networks: Networks, device: torch.device, dtype: torch.dtype) -> Models:
    """Networks of random weights, the same each time."""
    torch.manual_seed(0)
    if networks == "small":
        parts = (Generator(SMALL), build_clip(SMALL_CLIP), SmallRecogniser(8))
    else:
        parts = (Generator(config_f(SIDE)), open_clip_architecture("ViT-B-32"), ArcFace())
    generator, clip, identity = (part.eval().requires_grad_(False).to(device, dtype) for part in parts)
    clip.preprocess = "paper"
    return Models(generator, clip, identity)


def markdown(about: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """The table. Memory is in GiB: all of the process, and what came on top of the loaded networks."""
    columns = ["training step", "s", "images/s", "to published", "peak memory", "to published", "beyond networks"]
    rows = [
        [
            row["step"],
            human_number(row["seconds"]),
            human_number(row["rate"]),
            f"{row['rate_ratio']:.2f}",
            human_number(row["memory"] / 2**30),
            f"{row['memory_ratio']:.2f}",
            human_number(row["beyond"] / 2**30),
            f"{row['beyond_ratio']:.2f}",
        ]
        for row in results
    ]
    lines = [[*columns, "to published"], ["---", *["---:"] * 7], *rows]
    head = f"{about['machine']}, torch {about['torch']}\n"
    return "\n".join([head, *(f"| {' | '.join(line)} |" for line in lines), f"\n{whole_training(results)}"])


def whole_training(results: list[dict[str, Any]]) -> str:
    """The last two rows, of new pictures and of those seen before, in the shares that a training of ours has."""
    training, (new, seen) = MapperTraining(), [row["rate"] for row in results[-2:]]
    visits = PUBLISHED["steps"] * PUBLISHED["batch_size"] / training.num_latents
    rate = visits / (1 / new + (visits - 1) / seen)
    return (
        f"{PUBLISHED['steps']:,} steps of {PUBLISHED['batch_size']} see each of {training.num_latents:,} pictures "
        f"{visits:.1f} times, the first time new; by the last two rows that is {human_number(rate)} images/s, "
        f"{rate / results[0]['rate']:.2f} to published."
    )
