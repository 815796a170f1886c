"""`styleclip.adapt`: a generator that draws what a text says, and whose latents stay those of its parent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from styleclip.canvases.adaptation.child import AdaptedGenerator, samples_sheet
from styleclip.canvases.adaptation.losses import WeightedClip
from styleclip.canvases.adaptation.settings import Adaptation
from styleclip.canvases.adaptation.trainer import AdaptationTrainer
from styleclip.canvases.loop import Run
from styleclip.errors import UsageError
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompt_lint import check_prompts
from styleclip.prompts import Prompt
from styleclip.runtime.gradients import with_gradients
from styleclip.storage.files import to_json
from styleclip.training.checkpoint import Checkpoint
from styleclip.training.distributed import ProcessGroup
from styleclip.training.metrics_log import MetricsLog
from styleclip.training.outputs import already_trained, prepare_outputs
from styleclip.version import __version__
from styleclip.weights.formats.own_files import parse_about
from styleclip.weights.lineage import PARENT, REMEDY
from styleclip.weights.load import fingerprint, load_generator
from styleclip.weights.own_headers import read_record

SAVE_EVERY = 10.0  # seconds between two checkpoints


@with_gradients
def adapt(
    models: Models,
    prompt: Prompt,
    adaptation: Adaptation | None = None,
    path: Path | None = None,
    *,
    others: Sequence[WeightedClip] = (),
    resume: bool = False,
    overwrite: bool = False,
    preview_every: int = 25,
    metadata: Mapping[str, str] | None = None,
    on_step: OnStep = ignore,
) -> AdaptedGenerator:
    """Train a child of a generator: its images differ from the parent's as the target text from the neutral one.

    Args:
        models: the parent, in float32, and a CLIP; both stay as they are.
        prompt: the target, and as its neutral text the source, which says what the parent draws.
        adaptation: the settings; those left open take the values that suit the generator.
        path: the child's file; metrics, previews and the checkpoint go to the folder beside it, PATH.training. Without
            it nothing is written.
        others: more CLIPs; the first one, that of `models`, has the weight 1.
        resume: go on from the checkpoint, or return the child of a training that is done.
        overwrite: replace an earlier child, and the checkpoint of another training.
        preview_every: steps between two sheets of fixed samples, besides that of the child that is kept; 0 for none.
        metadata: more metadata of the file, such as the licence of the parent.
        on_step: called after every step.

    Ctrl-C ends the training: the child is saved as it is then, and the checkpoint stays. Raises UsageError for texts or
    models that cannot be taken, OutputError where a file is in the way or cannot be written, NumericError for a loss
    that is not finite.
    """
    # Set up.
    _check(models, prompt)
    for clip in (models.clip, *(each.clip for each in others)):
        check_prompts(clip, prompt.texts, prompt.force)
    adaptation = (adaptation or Adaptation()).resolve(models)
    about = _about(models, prompt, adaptation, others)
    trainer = AdaptationTrainer(models, prompt, adaptation, others)
    if path is None:
        return _child(models, trainer, trainer.loop.run(on_step), about, prompt)

    # Return what is there, or resume.
    checkpoint = Checkpoint(training_folder(path), about, trainer.state, SAVE_EVERY)
    if resume:
        record = parse_about({"about": to_json(about)}, REMEDY)
        if already_trained([path], [record], _read_record, checkpoint, overwrite):
            return _finished_child(models, trainer, path, prompt)
    done = prepare_outputs([path], checkpoint, resume, overwrite, ProcessGroup())

    # Train, and write the child.
    with MetricsLog(checkpoint.path.parent, done) as log:

        def preview(step: int) -> None:
            if preview_every and step % preview_every == 0:
                images = trainer.samples.render(trainer.canvas.generator)
                log.write_sheet(step, samples_sheet(trainer.samples.parent, images, prompt.target))

        def report(step: Step) -> None:
            log.write(step.index, prompt.target, "held-out" if "diversity" in step.values else "train", step.values)
            on_step(step)

        trainer.loop.after_step = preview
        run = trainer.loop.run(report, done, checkpoint)
        child = _child(models, trainer, run, about, prompt)
        if preview_every:
            log.write_sheet(run.kept_step, child.sheet)
    child.save(path, metadata)
    if not run.interrupted:
        checkpoint.remove()
    return child


def training_folder(path: Path) -> Path:
    """The folder of metrics, previews and the checkpoint of a child's file."""
    return path.with_suffix(".training")


def _check(models: Models, prompt: Prompt) -> None:
    """Raise UsageError for texts and models that cannot be taken."""
    if len(prompt.neutrals) != 1:
        raise UsageError(f"adaptation goes from one text to another, got {len(prompt.neutrals)} sources; pass one")
    if models.generator.precision != torch.float32:
        raise UsageError("a generator is adapted in float32; pass --dtype float32")
    if "tuned" in models.provenance:
        raise UsageError("this generator is tuned to one photo; adapt the untouched one")


def _about(models: Models, prompt: Prompt, adaptation: Adaptation, others: Sequence[WeightedClip]) -> dict[str, Any]:
    """Everything that decides what is trained; `parent` is the record of the parent."""
    provenance = models.provenance
    return {
        "method": adaptation.name,
        "source": prompt.neutrals[0],
        "target": prompt.target,
        **prompt.recorded_force,
        **dataclasses.asdict(adaptation),
        "clip": provenance.get("clip", {"name": models.clip.name}),
        "other_clips": [{"name": each.clip.name, "weight": each.weight} for each in others],
        "generator": models.generator_fingerprint,
        PARENT: provenance.get("generator") or {"network": fingerprint(models.generator)},
        "styleclip": __version__,
    }


@torch.no_grad()
def _child(
    models: Models, trainer: AdaptationTrainer, run: Run, about: Mapping[str, Any], prompt: Prompt
) -> AdaptedGenerator:
    """The child in the canvas, frozen, with its scores."""
    child = trainer.canvas.generator.freeze()
    samples = trainer.samples
    scores = {name: round(value, 4) for name, value in samples.evaluate(child).items() if name != "loss"}
    record = {
        **about,
        "scores": {**scores, "target_before": round(samples.target_before, 4)},
        "steps_done": run.steps,
        "kept_step": run.kept_step,
        **({"stopped": run.stopped} if run.stopped else {}),
        **({"interrupted": True} if run.interrupted else {}),
    }
    sheet = samples_sheet(samples.parent, samples.render(child), prompt.target)
    return AdaptedGenerator(child, models.generator, record, sheet, run.interrupted)


def _finished_child(models: Models, trainer: AdaptationTrainer, path: Path, prompt: Prompt) -> AdaptedGenerator:
    """The child in a file."""
    child = load_generator(path).to(models.device)
    sheet = samples_sheet(trainer.samples.parent, trainer.samples.render(child), prompt.target)
    return AdaptedGenerator(child, models.generator, _read_record(path), sheet)


def _read_record(path: Path) -> Mapping[str, Any]:
    """The record in the file of a child; raises WeightError for files of another kind."""
    return read_record(path, "generator", REMEDY)
