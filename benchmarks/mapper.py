"""`python -m benchmarks mapper`: a step in the training of a latent mapper, ours against the published one.

Both train the same mapper on the same networks, whose weights are random, so no file is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmarks.published_styleclip import PublishedTraining
from benchmarks.timing import Measured, Timer, compared, stopwatch
from benchmarks.tools import TEXT, Report, Setting, bench, repeats_option, table
from styleclip.cli.output.progress import human_number
from styleclip.prompts import Prompt
from styleclip.settings import published
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import training_latents
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.trainer import MapperTrainer

SIDE = 256  # px


@dataclass(frozen=True)
class Way:
    """One way of training a mapper, `batch` pictures a step."""

    ours: bool
    batch: int
    setting: Setting

    @property
    def name(self) -> str:
        lower = ", bfloat16" if self.setting.dtype is torch.bfloat16 else ""
        return f"{'ours' if self.ours else 'published'}, batch {self.batch}{lower}"

    @property
    def device(self) -> torch.device:
        return self.setting.device

    def timers(self) -> dict[str, Timer]:
        """A step of the published; of ours with pictures it never saw, as all are at first, and with others."""
        self.setting.apply()
        models, prompt = self.setting.models(SIDE, frozen=self.ours), Prompt(TEXT)
        training = replace(MapperTraining(batch_size=self.batch, held_out=1), optimizer="ranger").resolve(models)
        latent = training_latents(models, replace(training, num_latents=2 * self.batch), None)
        if not self.ours:
            published, ws = PublishedTraining(models, prompt, training), latent.data[: self.batch]
            return {"": stopwatch(lambda: published.step(ws), self.device)}
        trainer = MapperTrainer(models, [prompt], training, latent, ProcessGroup())

        def new() -> None:
            trainer.sources.features.clear()
            trainer.step(0)

        works = {"new pictures": new, "pictures seen before": lambda: trainer.step(0)}
        return {name: stopwatch(work, self.device) for name, work in works.items()}


@bench
@repeats_option(3, quick=1)
def mapper(setting: Setting, repeats: int) -> Report:
    """Time a training step of `styleclip train-mapper` at 256 px, and its memory, against the published one.

    With --quick ours in the batch of the published only.
    """
    ours = [Way(True, batch, setting) for batch in ((2,) if setting.quick else (2, 16))]
    ways = [Way(False, 2, setting.in_float32()), *ours]
    results = rows(compared(ways, repeats), {way.name: way.batch for way in ways})
    return Report(results, f"{markdown(results)}\n\n{whole_training(results)}")


def rows(measured: Sequence[Measured], batches: dict[str, int]) -> list[dict[str, Any]]:
    """What was measured, pictures per second, and how all that compares with the first row."""
    first, results = measured[0], []
    for each in measured:
        rate = batches[each.name] / each.median
        ratios = {**each.over(first), "rate_ratio": rate * first.median / batches[first.name]}
        results.append({**each.record(), "rate": rate, **ratios})
    return results


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The table. Memory is in GiB: all of the process, and what came on top of the loaded networks."""
    columns = ["training step", "s", "images/s", "to published", "peak memory, GiB", "to published", "beyond networks"]
    lines = [
        [
            ", ".join(filter(None, (row["name"], row["work"]))),
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
    return table([*columns, "to published"], lines)


def whole_training(results: Sequence[dict[str, Any]]) -> str:
    """The last two rows, of new pictures and of those seen before, in the shares that a training of ours has."""
    training, (new, seen) = published(MapperTraining), [row["rate"] for row in results[-2:]]
    visits = training["steps"] * training["batch_size"] / training["num_latents"]
    rate = visits / (1 / new + (visits - 1) / seen)
    return (
        f"{training['steps']:,} steps of {training['batch_size']} see each of {training['num_latents']:,} pictures "
        f"{visits:.1f} times, the first time new; by the last two rows that is {human_number(rate)} images/s, "
        f"{rate / results[0]['rate']:.2f} to published."
    )
