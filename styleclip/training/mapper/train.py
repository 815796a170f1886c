"""The training loop of latent mappers (StyleCLIP, section 5)."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image

from styleclip.errors import UsageError, WeightError
from styleclip.images import fit_to, to_pil
from styleclip.latents import Latent
from styleclip.methods.mapper import TrainedMapper, load_trained_mapper, save_trained_mapper
from styleclip.methods.prompt_check import check_prompt
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.runtime.gradients import with_gradients
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import to_json
from styleclip.stylespace.class_means import SampleGoal
from styleclip.stylespace.sample_settings import uses_samples
from styleclip.training.checkpoint import Checkpoint
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import training_latents
from styleclip.training.mapper.mapper_state import SCORES, PromptMapper
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.trainer import MapperTrainer, Values
from styleclip.training.metrics_log import MetricsLog
from styleclip.training.outputs import already_trained, prepare_outputs
from styleclip.version import __version__
from styleclip.weights.formats.own_files import parse_about

SAVE_EVERY = 10.0  # seconds between two checkpoints
LOG_EVERY = 5  # steps between two lines of metrics
MIN_CLIP_DROP = 0.005  # a smaller fall of the CLIP loss by `_steps_to_move` is warned of
SHEET_FACES, CELL_PX = 6, 128
OF_SAMPLES = ("goal", "prior", "strength", "samples", "warm_start")  # settings that are recorded where they are used


class TrainingWarning(UserWarning):
    """A training whose settings will hardly change anything."""


@with_gradients
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
    on_step: OnStep = ignore,
) -> list[TrainedMapper]:
    """Train a mapper for every prompt, all on the same latents, and write each to its path once all are done.

    A training that was interrupted is resumed by a call with the same arguments and `resume`; on one CPU process it
    ends in the same bits as without the interruption.

    Args:
        models: the generator, the CLIP and the recogniser, all of which stay as they are.
        prompts: one or more, with different targets.
        training: the settings; those left open take the values that suit the generator.
        paths: a file for each prompt.
        folder: takes metrics, sheets of samples and, every SAVE_EVERY seconds, the checkpoint.
        latents: what to train on; samples where it is None.
        resume: go on from the checkpoint, or return the mappers of a training that is done.
        overwrite: replace earlier mappers, and the checkpoint of another training.
        sheet_every: steps between two sheets of samples; 0 for none.
        micro_batch: latents to render at once, from which a batch is added up.
        dtype: the precision of the files.
        processes: the processes that share every batch.
        on_step: called after every step with the means over the prompts: loss, clip, l2, target, identity. Samples that
            are rendered first, and the steps of a warm start, are stages of their own.

    Raises UsageError as `check_prompt`, OutputError where a file is in the way or cannot be written, NumericError for a
    loss that is not finite.
    """
    # Set up.
    if not prompts or len({prompt.target for prompt in prompts}) < len(prompts):
        raise UsageError("each prompt gets a mapper of its own; pass one or more, each once")
    training, processes = training.resolve(models), processes or ProcessGroup()
    for prompt in prompts:
        check_prompt(models, prompt, uses_samples(training))
    steps = training.steps
    latent = training_latents(models, training, latents)
    trainer = MapperTrainer(models, prompts, training, latent, processes, micro_batch, on_step)
    about = _about(models, prompts, training, latents, trainer.losses.goals)
    checkpoint = Checkpoint(folder, about, trainer.state, SAVE_EVERY)

    # Return what is there, or resume.
    if resume:
        records = [parse_about({"about": to_json(_record(about, prompt))}, "train it again") for prompt in prompts]
        if already_trained(paths, records, lambda path: _read_record(path, models), checkpoint, overwrite):
            return [load_trained_mapper(path, models) for path in paths]
    done = prepare_outputs(paths, checkpoint, resume, overwrite, processes)
    if done == steps and not all(mapper.best.scores for mapper in trainer.mappers):
        raise WeightError(f"{checkpoint.path} holds no best weights; pass --overwrite without --resume to begin again")

    # Train until no mapper improves.
    with MetricsLog(folder, done, enabled=processes.is_main) as log:
        baseline = trainer.baseline()
        if not done:
            trainer.warm_start(on_step)
        for step in range(done, steps):
            if not trainer.active:
                break
            values = trainer.step(step)
            done = step + 1
            if done % LOG_EVERY == 0 or done == steps:
                _log(log, done, "train", prompts, values)
            if done % training.evaluate_every == 0 or done == steps:
                validation = trainer.validate(done, baseline)
                _log(log, done, "held-out", prompts, validation)
                if done == _steps_to_move(training) and processes.is_main:
                    _warn_of_standstill(done, prompts, baseline, validation)
            if processes.is_main and sheet_every and (done % sheet_every == 0 or done == steps):
                log.write_sheet(done, sample_sheet(models, trainer.held_out_latents, trainer.mappers))
            if processes.is_main:
                checkpoint.save_if_due(done)
            on_step(Step(done, steps, _mean([*values.values()])))

    # Write the best weights of every mapper.
    if processes.is_main and len(paths) > 1:  # a kill may come between two files
        checkpoint.save(done)
    trained = [_best(mapper, about) for mapper in trainer.mappers]
    if processes.is_main:
        for mapper, path in zip(trained, paths, strict=True):
            save_trained_mapper(mapper, path, dtype)
        checkpoint.remove()
    processes.barrier()
    return trained


@torch.no_grad()
def sample_sheet(models: Models, latent: Latent, mappers: Sequence[PromptMapper]) -> Image:
    """The first faces of `latent` before the edit, and a column of edits for each mapper as it is now."""
    source = latent[:SHEET_FACES]
    edited = [source.data + mapper.step(source.data) for mapper in mappers]
    dtype = models.generator.w_avg.dtype
    columns = [to_pil(models.render(Latent(source.space, data.to(dtype)))) for data in (source.data, *edited)]
    cells = [[fit_to(image, CELL_PX) for image in column] for column in columns]
    labels = ["before", *(mapper.prompt.target for mapper in mappers)]
    return labelled_sheet([*zip(*cells, strict=True)], labels, cell=CELL_PX)


def _about(
    models: Models,
    prompts: Sequence[Prompt],
    training: MapperTraining,
    given: Latent | None,
    goals: Sequence[SampleGoal | None],
) -> dict[str, Any]:
    """Everything that decides what is trained; `claims` says how each prompt was understood, by its target."""
    provenance, settings = models.provenance, dataclasses.asdict(training)
    if not uses_samples(training):
        settings = {name: value for name, value in settings.items() if name not in OF_SAMPLES}
    claims = {prompt.target: goal.described_claims for prompt, goal in zip(prompts, goals, strict=True) if goal}
    digest = given and hashlib.sha256(given.data.float().cpu().contiguous().numpy().data).hexdigest()
    return {
        "prompts": [[prompt.target, *prompt.neutrals] for prompt in prompts],
        "latents": digest or "samples",
        **settings,
        **({"claims": claims} if claims else {}),
        "generator": models.generator_fingerprint,
        "generator_name": provenance.get("generator", {}).get("name"),
        "clip": provenance.get("clip"),
        "identity": provenance.get("identity"),
        "dtype": provenance.get("dtype"),
        "styleclip": __version__,
    }


def _record(about: dict[str, Any], prompt: Prompt) -> dict[str, Any]:
    """The metadata of the file of a mapper, but for its scores."""
    shared = {name: value for name, value in about.items() if name != "prompts"}
    if "claims" in about:
        shared["claims"] = about["claims"][prompt.target]
    return {"target": prompt.target, "neutral": prompt.recorded_neutral, **prompt.recorded_force, **shared}


def _read_record(path: Path, models: Models) -> Mapping[str, Any]:
    """The record in the file of a mapper; raises WeightError for one without the scores of a training."""
    record = load_trained_mapper(path, models).about
    scores = record.get("scores")
    numbers = [scores.get(name) for name in SCORES] if isinstance(scores, dict) else [None]
    if not all(isinstance(number, float | int) for number in (*numbers, record.get("best_step"))):
        raise WeightError(f"{path} does not say how good it is; pass --overwrite to train it again")
    return record


def _best(mapper: PromptMapper, about: dict[str, Any]) -> TrainedMapper:
    """The mapper with its best weights, frozen."""
    mapper.network.load_state_dict(mapper.best.weights)
    scores = {name: round(value, 4) for name, value in mapper.best.scores.items()}
    record = {**_record(about, mapper.prompt), "best_step": mapper.best.step, "scores": scores}
    return TrainedMapper(mapper.network.requires_grad_(False).eval(), mapper.prompt, record)


def _log(log: MetricsLog, step: int, split: str, prompts: Sequence[Prompt], values: Values) -> None:
    for i, scores in values.items():
        log.write(step, prompts[i].target, split, scores)


def _steps_to_move(training: MapperTraining) -> int:
    """The validation after which the CLIP loss should have fallen: a tenth of the steps, at least the second one."""
    validations = max(2, math.ceil(training.steps / 10 / training.evaluate_every))
    return validations * training.evaluate_every


def _warn_of_standstill(step: int, prompts: Sequence[Prompt], before: Values, now: Values) -> None:
    """Warn of every prompt whose CLIP loss on the held-out latents has not fallen."""
    for i, scores in now.items():
        if before[i]["clip"] - scores["clip"] < MIN_CLIP_DROP:
            warnings.warn(
                f"nothing moves: after {step} steps CLIP sees hardly more of {prompts[i].target!r} "
                f"({scores['target']:.2f}, before {before[i]['target']:.2f}); raise --lr, or lower --lambda-l2 and "
                "--lambda-id",
                TrainingWarning,
                stacklevel=3,
            )


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(each[name] for each in values) / len(values) for name in values[0]}
