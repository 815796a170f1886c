"""`python -m benchmarks mapper`: a training step of a latent mapper, ours against the published one.

Both train the same mapper with the same networks, which have random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmarks.published_styleclip import PublishedTraining
from benchmarks.timing import Measurement, Timer, compare, make_timer
from benchmarks.tools import PROMPT, Report, Setup, bench_command, markdown_table, repeats_option
from styleclip.prompts import Prompt
from styleclip.settings import published_values
from styleclip.text.units import human_number
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import training_latents
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.trainer import MapperTrainer

SIDE = 256  # px


@dataclass(frozen=True)
class MapperVariant:
    """The training of a mapper, ours or published, with `batch` images per step."""

    ours: bool
    batch: int
    setup: Setup

    @property
    def name(self) -> str:
        precision = ", bfloat16" if self.setup.dtype is torch.bfloat16 else ""
        return f"{'ours' if self.ours else 'published'}, batch {self.batch}{precision}"

    @property
    def device(self) -> torch.device:
        return self.setup.device

    def timers(self) -> dict[str, Timer]:
        """One step. Ours is measured with new images, and with images whose features are cached."""
        self.setup.apply()
        models, prompt = self.setup.models(SIDE, frozen=self.ours), Prompt(PROMPT)
        training = replace(MapperTraining(batch_size=self.batch, held_out=1), optimizer="ranger").resolve(models)
        latent = training_latents(models, replace(training, num_latents=2 * self.batch), None)
        if not self.ours:
            published, ws = PublishedTraining(models, prompt, training), latent.data[: self.batch]
            return {"": make_timer(lambda: published.step(ws), self.device)}
        trainer = MapperTrainer(models, [prompt], training, latent, ProcessGroup())

        def new() -> None:
            trainer.sources.features.clear()
            trainer.step(0)

        works = {"new pictures": new, "pictures seen before": lambda: trainer.step(0)}
        return {name: make_timer(work, self.device) for name, work in works.items()}


@bench_command
@repeats_option(3, quick=1)
def mapper(setup: Setup, repeats: int) -> Report:
    """Time a training step of `styleclip train-mapper` at 256 px, and its memory, against the published one.

    --quick measures ours with the published batch size only.
    """
    ours = [MapperVariant(True, batch, setup) for batch in ((2,) if setup.quick else (2, 16))]
    variants = [MapperVariant(False, 2, setup.in_float32()), *ours]
    results = ratio_rows(compare(variants, repeats), {each.name: each.batch for each in variants})
    return Report(results, f"{markdown(results)}\n\n{training_summary(results)}")


def ratio_rows(measurements: Sequence[Measurement], batches: dict[str, int]) -> list[dict[str, Any]]:
    """Rows of JSON: measurements, images per second, and ratios to the first row."""
    first, results = measurements[0], []
    for each in measurements:
        rate = batches[each.name] / each.median
        ratios = {**each.ratios_to(first), "rate_ratio": rate * first.median / batches[first.name]}
        results.append({**each.to_dict(), "rate": rate, **ratios})
    return results


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The table. Memory is in GiB: peak of the process, and on top of the loaded networks."""
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
    return markdown_table([*columns, "to published"], lines)


def training_summary(results: Sequence[dict[str, Any]]) -> str:
    """A sentence: images per second of a whole training, from the rates of new and of cached images (the last rows)."""
    training, (new, seen) = published_values(MapperTraining), [row["rate"] for row in results[-2:]]
    visits = training["steps"] * training["batch_size"] / training["num_latents"]
    rate = visits / (1 / new + (visits - 1) / seen)
    return (
        f"{training['steps']:,} steps of {training['batch_size']} see each of {training['num_latents']:,} pictures "
        f"{visits:.1f} times, the first time new; by the last two rows that is {human_number(rate)} images/s, "
        f"{rate / results[0]['rate']:.2f} to published."
    )
