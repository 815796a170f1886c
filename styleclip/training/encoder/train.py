"""The training loop of encoders (Tov et al. 2021)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from styleclip.models import Models
from styleclip.networks.e4e import Encoder
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import with_gradients
from styleclip.sheets import comparison
from styleclip.training.checkpoint import Checkpoint
from styleclip.training.distributed import ProcessGroup
from styleclip.training.encoder.data import ImageDataset
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.trainer import EncoderTrainer
from styleclip.training.metrics_log import MetricsLog
from styleclip.training.outputs import already_trained, prepare_outputs
from styleclip.version import __version__
from styleclip.weights.formats.own_files import save_encoder
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_encoder

SAVE_EVERY = 60.0  # seconds between two checkpoints
LOG_EVERY = 10  # steps between two lines of metrics
SHEET_FACES = 8
NAME = "encoder"  # of what is trained, in the metrics


@with_gradients
def train_encoder(
    models: Models,
    images: ImageDataset | None,
    training: EncoderTraining,
    path: Path,
    folder: Path,
    *,
    start: Encoder | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dtype: torch.dtype = torch.float32,
    on_step: OnStep = ignore,
) -> Encoder:
    """Train an encoder for the generator of `models` and write it to `path`.

    A training that was interrupted is resumed by a call with the same arguments and `resume`; on a CPU it ends in the
    same bits as without the interruption.

    Args:
        models: the generator, the CLIP and the recogniser, all of which stay as they are.
        images: aligned images to train on; None to train on samples of the generator alone.
        training: the settings.
        path: the file of the encoder.
        folder: takes metrics, sheets of reconstructions and, every SAVE_EVERY seconds, the checkpoint.
        start: an encoder of the same shape whose weights are the initial ones.
        resume: go on from the checkpoint, or return the encoder of a training that is done.
        overwrite: replace an earlier encoder, and the checkpoint of another training.
        dtype: the precision of the file.
        on_step: called after every step with the losses by name.

    Raises OutputError where a file is in the way or cannot be written, NumericError for a loss that is not finite.
    """
    # Set up.
    models = models.with_transform(None)
    trainer = EncoderTrainer(models, images, training, start)
    about = _about(models, images, training)
    checkpoint = Checkpoint(folder, about, trainer.state, SAVE_EVERY)

    # Return what is there, or resume.
    if resume and already_trained([path], [about], read_about, checkpoint, overwrite):
        return load_encoder(path).to(models.device)
    done = prepare_outputs([path], checkpoint, resume, overwrite, ProcessGroup())

    # Train.
    with MetricsLog(folder, done) as log:
        for step in range(done, training.steps):
            values = trainer.step(step)
            done = step + 1
            if done % LOG_EVERY == 0 or done == training.steps:
                log.write(done, NAME, "train", values)
            if done % training.evaluate_every == 0 or done == training.steps:
                scores, before, after = trainer.validate(done)
                log.write_sheet(done, comparison(before[:SHEET_FACES], after[:SHEET_FACES], f"step {done}"))
                log.write(done, NAME, "held-out", scores)
            checkpoint.save_if_due(done)
            on_step(Step(done, training.steps, values))

    # Write the moving average of the weights.
    save_encoder(trainer.averaged_encoder, path, about, {"trained_by": "styleclip"}, dtype)
    checkpoint.remove()
    return trainer.averaged_encoder


def _about(models: Models, images: ImageDataset | None, training: EncoderTraining) -> dict[str, Any]:
    """Everything that decides what is trained."""
    return {
        **dataclasses.asdict(training),
        "generator": models.generator_fingerprint,
        "clip": models.provenance.get("clip"),
        "identity": models.provenance.get("identity"),
        "pictures": 0 if images is None else len(images),
        "styleclip": __version__,
    }


def read_about(path: Path) -> dict[str, Any]:
    """The metadata that the file of an encoder has of its training."""
    return dict(read_one(path, "encoder").about)
