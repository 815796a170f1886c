"""The training of an encoder for any generator: one function, one loop."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.errors import NumericError, OutputError, WeightError
from styleclip.files import output_folder, remove_stale_temporaries, to_json
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.networks.discriminator import LatentDiscriminator
from styleclip.networks.e4e import Encoder
from styleclip.schedules import projector_schedule
from styleclip.sheets import comparison
from styleclip.training.checkpoint import STATE, TrainingState, difference, unfinished
from styleclip.training.encoder.data import EncoderBatches, Pictures
from styleclip.training.encoder.losses import EncoderLosses
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.metrics_log import METRICS, MetricsLog, remove_earlier_files
from styleclip.training.moments import load_optimizer_tensors, optimizer_tensors
from styleclip.version import __version__
from styleclip.weights.formats.encoders import save_encoder
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_encoder

R1_EVERY = 16
MAX_GRADIENT = 5.0
SAVE_EVERY = 60.0  # seconds between two writes of what is learned so far
LOG_EVERY = 10  # steps between two lines of metrics
SHOWN = 8  # faces on a sheet
LABEL = "encoder"  # of the lines of metrics

OnProgress = Callable[[int, int, dict[str, float]], None]  # steps done, of all, and the losses


def train_encoder(
    models: Models,
    pictures: Pictures | None,
    training: EncoderTraining,
    path: Path,
    folder: Path,
    *,
    start: Encoder | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dtype: torch.dtype = torch.float32,
    on_step: OnProgress | None = None,
) -> Encoder:
    """Train an encoder for the generator of `models` on aligned `pictures` and on its samples, and write it to `path`.

    Without pictures it learns from samples alone. `folder` takes metrics, sheets and, every SAVE_EVERY seconds, what
    is learned so far; from there a call with the same arguments and `resume` goes on, on a CPU to the same encoder bit
    for bit. With `overwrite` besides, what another training left is begun again. `start` is an encoder of the same
    shape to begin with; `dtype` is the precision of the file.

    Raises OutputError where nothing can be written, where an encoder or an unfinished training is in the way unless
    `overwrite`, and where that was begun otherwise; NumericError for a loss that is not finite.
    """
    run = _Run(models, pictures, training, start)
    if resume and (encoder := run.there(path, folder, overwrite)):
        return encoder
    first = run.begin(path, folder, resume, overwrite)
    run.learn(first, folder, on_step)
    save_encoder(run.average, path, {"about": to_json(run.about), "trained_by": "styleclip"}, dtype)
    (folder / STATE).unlink(missing_ok=True)
    return run.average


class _Run:
    """One call of `train_encoder`, step by step. `average` is the running mean of the encoder, which is kept."""

    def __init__(
        self, models: Models, pictures: Pictures | None, training: EncoderTraining, start: Encoder | None
    ) -> None:
        self.models, self.training = models, training
        self.batches = EncoderBatches(models, pictures, training)
        self.losses = EncoderLosses(models, training)
        self.encoder = _begun(training.network(models.generator), start).to(models.device).train()
        self.average = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.critic = LatentDiscriminator(models.generator.config.w_dim).to(models.device)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=training.lr)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=training.lr_discriminator)
        self.about = {
            **dataclasses.asdict(training),
            "generator": models.generator_fingerprint,
            "clip": models.provenance.get("clip"),
            "identity": models.provenance.get("identity"),
            "pictures": 0 if pictures is None else len(pictures),
            "styleclip": __version__,
        }

    def there(self, path: Path, folder: Path, overwrite: bool) -> Encoder | None:
        """The encoder, if just this training has made it before."""
        if (folder / STATE).exists() or not path.exists():
            return None
        found = read_one(path, "encoder")
        with error_context(path):
            why = difference(json.loads(found.settings.get("about", "{}")), self.about)
        if why and not overwrite:
            raise OutputError(f"{path} was trained {why}; pass --overwrite or another --out")
        return None if why else load_encoder(path).to(self.models.device)

    def begin(self, path: Path, folder: Path, resume: bool, overwrite: bool) -> int:
        """See that all can be written, and take up what an earlier run left: the number of steps that are done."""
        state = folder / STATE
        if path.is_dir() or path.resolve() == folder.resolve():
            raise OutputError(f"{path} is to be a file, not a folder; pass another --out, e.g. {path}.safetensors")
        for place in (path.parent, folder):
            output_folder(place, ())
        if path.exists() and not overwrite and not (resume and state.exists()):
            raise OutputError(f"{path} exists; pass --overwrite or another --out")
        if state.exists() and not (resume or overwrite):
            raise OutputError(f"{state} holds an unfinished training; pass --resume to go on, or --overwrite")
        found = unfinished(state, self.about, overwrite) if resume and state.exists() else None
        if found:
            self._restore(found.tensors)
        for each in (path, state, folder / METRICS):
            remove_stale_temporaries(each)
        if not found:
            state.unlink(missing_ok=True)
            remove_earlier_files(folder)
        return found.step if found else 0

    def learn(self, first: int, folder: Path, on_step: OnProgress | None) -> None:
        """Take all steps that are left."""
        journal, saved = MetricsLog(folder, first), time.monotonic()
        try:
            for step in range(first, self.training.steps):
                values = self.step(step)
                done = step + 1
                if done % LOG_EVERY == 0 or done == self.training.steps:
                    journal.add(done, LABEL, "train", values)
                if done % self.training.evaluate_every == 0 or done == self.training.steps:
                    journal.add(done, LABEL, "held-out", self.look(journal, done))
                if time.monotonic() - saved > SAVE_EVERY:
                    TrainingState(done, self.about, self._tensors(), []).save(folder / STATE)
                    saved = time.monotonic()
                if on_step:
                    on_step(done, self.training.steps, values)
        finally:
            journal.close()

    def step(self, step: int) -> dict[str, float]:
        """One step of the encoder and of the discriminator; the losses by name."""
        images, known = self.batches.at(step)
        losses, codes = self.losses(self.encoder, self.critic, images, known, step)
        total = torch.stack([*losses.values()]).sum()
        if not total.isfinite():
            raise _not_finite(step + 1)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), MAX_GRADIENT)
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * projector_schedule((step + 0.5) / self.training.steps)
        self.optimizer.step()
        if self.training.lambda_adversary:
            losses["critic"] = self._criticise(codes, step)
        self._average(step)
        return {"loss": total.item(), **{name: loss.item() for name, loss in losses.items()}}

    @torch.no_grad()
    def look(self, journal: MetricsLog, step: int) -> dict[str, float]:
        """How well the running mean does on the pictures held out; draws a sheet of them."""
        images = self.batches.held_out()
        codes = torch.cat([self.average.encode(few) for few in images.split(self.training.batch_size)])
        drawn = self.models.render(Latent(Space.W_PLUS, codes))
        if not drawn.isfinite().all():
            raise _not_finite(step)
        journal.show(step, comparison(images[:SHOWN], drawn[:SHOWN], f"step {step}"))
        values = {"l1": (drawn - images).abs().mean().item(), "l2": F.mse_loss(drawn, images).item()}
        if (identity := self.models.identity) is not None:
            values["identity"] = similarity(identity.embed(drawn), identity.embed(images)).mean().item()
        return values

    def _criticise(self, codes: Tensor, step: int) -> Tensor:
        """One step of the discriminator, against as many w as there are vectors in the codes [N, num_ws, w_dim]."""
        real = self.batches.known("critic", step, codes.shape[0] * codes.shape[1])
        penalised = self.training.r1 > 0 and step % R1_EVERY == 0
        verdict = self.losses.critic(self.critic, codes, real, penalised)
        self.critic_optimizer.zero_grad(set_to_none=True)
        verdict.backward()
        self.critic_optimizer.step()
        return verdict

    def _average(self, step: int) -> None:
        decay = min(self.training.decay, (1 + step) / (10 + step))  # what was random at the start is forgotten
        own = self.encoder.state_dict()
        for name, tensor in self.average.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(own[name], 1 - decay)
            else:
                tensor.copy_(own[name])

    def _tensors(self) -> dict[str, Tensor]:
        """All numbers that the next steps depend on."""
        parts: Mapping[str, Mapping[str, Tensor]] = {
            "encoder": self.encoder.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "critic_optimizer": optimizer_tensors(self.critic_optimizer),
        }
        return {f"{head}.{name}": each for head, part in parts.items() for name, each in part.items()}

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        own: dict[str, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            own.setdefault(head, {})[rest] = tensor
        try:
            for head, module in (("encoder", self.encoder), ("average", self.average), ("critic", self.critic)):
                module.load_state_dict(own[head])
            load_optimizer_tensors(self.optimizer, own["optimizer"])
            load_optimizer_tensors(self.critic_optimizer, own.get("critic_optimizer", {}))
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightError("what it holds does not fit this training; pass --overwrite to begin again") from error


def _begun(encoder: Encoder, start: Encoder | None) -> Encoder:
    """The new encoder with what `start` has learned; raises WeightError where that has another shape."""
    if start is not None:
        if start.config != encoder.config:
            raise WeightError(f"the encoder to start with is {start.config}, not {encoder.config}; pass another")
        encoder.load_state_dict(start.state_dict())
    return encoder


def _not_finite(step: int) -> NumericError:
    return NumericError(f"the loss of the encoder is not finite at step {step}; lower --lr")
