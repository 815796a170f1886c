"""The training of latent mappers: one function, one loop."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from styleclip.errors import OutputError, UsageError
from styleclip.files import output_folder, remove_stale_temporaries, to_json
from styleclip.latents import Latent
from styleclip.methods.mapper import TrainedMapper, load_trained_mapper, save_trained_mapper
from styleclip.models import Models
from styleclip.prompts import Prompt, warn_unknown_words
from styleclip.training.checkpoint import STATE, TrainingState, difference, unfinished
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import training_latents
from styleclip.training.mapper.mapper_state import PromptMapper
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.sheet import sheet
from styleclip.training.mapper.trainer import MapperTrainer, Values
from styleclip.training.metrics_log import METRICS, MetricsLog, remove_earlier_files
from styleclip.version import __version__
from styleclip.weights.formats.mappers import read_record

SAVE_EVERY = 10.0  # seconds between two writes of what is learned so far
LOG_EVERY = 5  # steps between two lines of metrics
MOVES = 0.005  # a CLIP loss that has fallen by less than this after `STILL` looks, and a tenth of all steps, is still
STILL = 2


class TrainingWarning(UserWarning):
    """A training that will hardly come to anything as it is."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is: after step `index` of `total` at most, what the batch came to, and the seconds left.

    `values` are means over the prompts: loss, target, identity (where it counts).
    """

    index: int
    total: int
    values: dict[str, float]
    left: float


def train_mappers(
    models: Models,
    prompts: Sequence[Prompt],
    training: MapperTraining,
    paths: Sequence[Path],
    folder: Path,
    latents: Latent | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    sheet_every: int = 100,
    micro_batch: int | None = None,
    dtype: torch.dtype = torch.float32,
    processes: ProcessGroup | None = None,
    on_step: Callable[[TrainingProgress], None] | None = None,
) -> list[TrainedMapper]:
    """Train a mapper for every prompt, all on the same latents, and write each to its path once it is done.

    `folder` takes what is learned so far, every SAVE_EVERY seconds, besides metrics and sheets of samples. From there
    a call with the same arguments and `resume` goes on, on one CPU process to the same mappers bit for bit.
    With `overwrite` besides, what another training left is begun again. `micro_batch` pictures are rendered at once; a
    batch is added up from them. `dtype` is the precision of the files. Several `workers` share each batch.

    Raises OutputError where nothing can be written, where a mapper or an unfinished training is in the way unless
    `overwrite`, and where that was begun otherwise; NumericError for a loss that is not finite.
    """
    run = _Run(models, prompts, training, latents, micro_batch, processes or ProcessGroup())
    if resume and (mappers := run.there(paths, folder, overwrite)):
        return mappers
    first = run.begin(paths, folder, resume, overwrite)
    last = run.learn(first, folder, sheet_every, on_step)
    return run.finish(last, paths, folder, dtype)


class _Run:
    """One call of `train_mappers`, step by step."""

    def __init__(
        self,
        models: Models,
        prompts: Sequence[Prompt],
        training: MapperTraining,
        latents: Latent | None,
        micro_batch: int | None,
        processes: ProcessGroup,
    ) -> None:
        if not prompts or len({prompt.target for prompt in prompts}) < len(prompts):
            raise UsageError("each prompt gets a mapper of its own; pass one or more, each once")
        self.models, self.prompts, self.processes = models, prompts, processes
        self.training = training = training.settled(models)
        for prompt in prompts:
            warn_unknown_words(models.clip, prompt)
        own = training_latents(models, training, latents)
        self.trainer = MapperTrainer(models, prompts, training, own, processes, micro_batch)
        self.mappers = self.trainer.mappers
        self.steps = training.steps or 0
        looks = max(STILL, math.ceil(self.steps / 10 / training.evaluate_every))
        self.expected = looks * training.evaluate_every  # steps, after which something should have moved
        self.about = self._about(latents)

    def there(self, paths: Sequence[Path], folder: Path, overwrite: bool) -> list[TrainedMapper]:
        """The mappers, if just this training has made them before; else none."""
        if (folder / STATE).exists() or not all(path.exists() for path in paths):
            return []
        mappers = [load_trained_mapper(path, self.models) for path in paths]
        for path, mapper, student in zip(paths, mappers, self.mappers, strict=True):
            now = read_record({"about": to_json(self._record(student, scored=False))})  # as the file tells it
            if why := difference(mapper.about, now):
                if overwrite:
                    return []
                raise OutputError(f"{path} was trained {why}; pass --overwrite or another --out")
        return mappers

    def begin(self, paths: Sequence[Path], folder: Path, resume: bool, overwrite: bool) -> int:
        """See that all can be written, and take up what an earlier run left: the number of steps that are done."""
        state = folder / STATE
        for path in paths:
            output_folder(path.parent, ())
            if path.exists() and not overwrite and not (resume and state.exists()):
                raise OutputError(f"{path} exists; pass --overwrite or another --out")
        output_folder(folder, ())
        if state.exists() and not (resume or overwrite):
            raise OutputError(f"{state} holds an unfinished training; pass --resume to go on, or --overwrite")
        first = self._resume(state, overwrite) if resume and state.exists() else 0
        self.processes.barrier()  # nobody writes before everybody has read
        if self.processes.is_main:
            for path in (*paths, state, folder / METRICS):
                remove_stale_temporaries(path)
            if not first:
                state.unlink(missing_ok=True)
                remove_earlier_files(folder)
        return first

    def learn(
        self, first: int, folder: Path, sheet_every: int, on_step: Callable[[TrainingProgress], None] | None
    ) -> int:
        """Take all steps that are left, save what is learned on the way, and return how many are done in all."""
        journal = MetricsLog(folder, first) if self.processes.is_main else None
        try:
            return self._learn(first, folder, sheet_every, on_step, journal)
        finally:
            if journal:
                journal.close()

    def _learn(
        self,
        first: int,
        folder: Path,
        sheet_every: int,
        on_step: Callable[[TrainingProgress], None] | None,
        journal: MetricsLog | None,
    ) -> int:
        done, started, saved = first, time.monotonic(), time.monotonic()
        baseline = self.trainer.baseline()
        for step in range(first, self.steps):
            if not self.trainer.active:
                break
            values = self.trainer.step(step)
            done = step + 1
            if done % LOG_EVERY == 0 or done == self.steps:
                self._note(done, "train", values, journal)
            if done % self.training.evaluate_every == 0 or done == self.steps:
                self._note(done, "held-out", self._judge(done, baseline), journal)
            if journal and sheet_every and (done % sheet_every == 0 or done == self.steps):
                journal.show(done, sheet(self.models, self.trainer.faces, self.mappers))
            if self.processes.is_main and time.monotonic() - saved > SAVE_EVERY:
                TrainingState.of(done, self.about, self.mappers).save(folder / STATE)
                saved = time.monotonic()
            if on_step:
                each = (time.monotonic() - started) / (done - first)
                on_step(TrainingProgress(done, self.steps, _mean(list(values.values())), each * (self.steps - done)))
        return done

    def finish(self, last: int, paths: Sequence[Path], folder: Path, dtype: torch.dtype) -> list[TrainedMapper]:
        """Write the best mapper of every prompt, and remove what an unfinished training needs."""
        mappers = []
        if self.processes.is_main and len(paths) > 1:  # a kill may come between two of them
            TrainingState.of(last, self.about, self.mappers).save(folder / STATE)
        for student, path in zip(self.mappers, paths, strict=True):
            student.network.load_state_dict(student.best)
            network = student.network.requires_grad_(False).eval()
            mappers.append(TrainedMapper(network, student.prompt, self._record(student)))
            if self.processes.is_main:
                save_trained_mapper(mappers[-1], path, dtype)
        if self.processes.is_main:
            (folder / STATE).unlink(missing_ok=True)
        self.processes.barrier()
        return mappers

    def _judge(self, step: int, baseline: Values) -> Values:
        """Look at the latents held out, remember what is best, and warn once where nothing moves."""
        looks = self.trainer.look(step)
        for i, own in looks.items():
            student, before = self.mappers[i], baseline[i]
            student.look(step, {**own, "target_before": before["target"]})
            still = step == self.expected and before["clip"] - own["clip"] < MOVES
            if still and self.processes.is_main:
                warnings.warn(
                    f"nothing moves: after {step} steps CLIP sees hardly more of {student.prompt.target!r} "
                    f"({own['target']:.2f}, before {before['target']:.2f}); raise --lr, or lower --lambda-l2 and "
                    "--lambda-id",
                    TrainingWarning,
                    stacklevel=2,
                )
        return looks

    def _note(self, step: int, split: str, values: Values, journal: MetricsLog | None) -> None:
        if journal is not None:
            for i, own in values.items():
                journal.add(step, self.prompts[i].target, split, own)

    def _resume(self, path: Path, overwrite: bool) -> int:
        state = unfinished(path, self.about, overwrite)
        if state is None:
            return 0
        state.restore(self.mappers)
        return state.step

    def _about(self, given: Latent | None) -> dict[str, Any]:
        """All that decides what is learned."""
        provenance = self.models.provenance
        digest = given and hashlib.sha256(given.data.float().cpu().contiguous().numpy().data).hexdigest()
        return {
            "prompts": [[prompt.target, *prompt.neutrals] for prompt in self.prompts],
            "latents": digest or "samples",
            **dataclasses.asdict(self.training),
            "generator": self.models.generator_fingerprint,
            "generator_name": provenance.get("generator", {}).get("name"),
            "clip": provenance.get("clip"),
            "identity": provenance.get("identity"),
            "dtype": provenance.get("dtype"),
            "styleclip": __version__,
        }

    def _record(self, student: PromptMapper, scored: bool = True) -> dict[str, Any]:
        """What the file of a mapper tells of itself."""
        about = {name: value for name, value in self.about.items() if name != "prompts"}
        scores = {name: round(value, 4) for name, value in student.scores.items()}
        prompt = {"target": student.prompt.target, "neutral": student.prompt.neutral}
        return {**prompt, **about, **({"best_step": student.best_step, "scores": scores} if scored else {})}


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(own[name] for own in values) / len(values) for name in values[0]}
