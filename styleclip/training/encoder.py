"""The training of an encoder for any generator: one function, one loop."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip import __version__
from styleclip.errors import NumericError, OutputError, WeightError
from styleclip.images import comparison
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.methods.optimize import schedule
from styleclip.models.bundle import Models
from styleclip.models.discriminator import LatentDiscriminator
from styleclip.models.e4e import Encoder
from styleclip.records import output_folder, to_json
from styleclip.training.encoder_losses import EncoderLosses
from styleclip.training.encoder_settings import EncoderTraining
from styleclip.training.journal import Journal, clear
from styleclip.training.moments import moments, restore_moments
from styleclip.training.state import STATE, difference
from styleclip.weights.formats.encoders import save_encoder
from styleclip.weights.formats.native import KIND, save_tensors
from styleclip.weights.identify import naming, part

R1_EVERY = 16
MAX_GRADIENT = 5.0
SAVE_EVERY = 60.0  # seconds between two writes of what is learned so far
LOG_EVERY = 10  # steps between two lines of metrics
SHOWN = 8  # faces on a sheet
LABEL = "encoder"  # of the lines of metrics

OnProgress = Callable[[int, int, dict[str, float]], None]  # steps done, of all, and the losses


class Pictures(Protocol):
    """Aligned pictures to learn from."""

    def __len__(self) -> int: ...

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        """These pictures, [N, 3, R, R] in [-1, 1]."""
        ...


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
    is learned so far; from there a call with the same arguments and `resume` goes on. `start` is an encoder of the
    same shape to begin with. Raises OutputError where nothing can be written or an unfinished training is in the way,
    and NumericError for a loss that is not finite.
    """
    if path.exists() and not (overwrite or resume):
        raise OutputError(f"{path} exists; pass --overwrite or another --out")
    for place in (path.parent, folder):
        output_folder(place, ())
    run = _Run(models, pictures, training, start)
    first = run.begin(folder / STATE, resume, overwrite)
    if not first:
        clear(folder)
    run.learn(first, folder, on_step)
    encoder = run.average
    metadata = {"about": to_json(run.about), "trained_by": "styleclip"}
    save_encoder(encoder, path, metadata, dtype)
    (folder / STATE).unlink(missing_ok=True)
    return encoder


class _Run:
    """One call of `train_encoder`."""

    def __init__(
        self, models: Models, pictures: Pictures | None, training: EncoderTraining, start: Encoder | None
    ) -> None:
        self.models, self.training = models, training
        self.pictures = pictures
        self.encoder = training.network(models.generator).to(models.device)
        if start is not None:
            if start.config != self.encoder.config:
                raise WeightError(
                    f"the encoder to start with is {start.config}, not {self.encoder.config}; pass another"
                )
            self.encoder.load_state_dict(start.state_dict())
        self.average = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.critic = LatentDiscriminator(models.generator.config.w_dim).to(models.device)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=training.lr)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=training.lr_discriminator)
        self.losses = EncoderLosses(models, training)
        self.encoder.train()
        self.about = {
            **dataclasses.asdict(training),
            "generator": models.network,
            "identity": models.provenance.get("identity"),
            "pictures": len(pictures) if pictures else 0,
            "styleclip": __version__,
        }

    def begin(self, state: Path, resume: bool, overwrite: bool) -> int:
        """Take up what an earlier run left: the number of steps that are done."""
        if not state.exists():
            return 0
        if not (resume or overwrite):
            raise OutputError(f"{state} holds an unfinished training; pass --resume to go on, or --overwrite")
        if not resume:
            state.unlink()
            return 0
        found = part(state, "training")
        with naming(state):
            tensors, told = found.read(), json.loads(found.settings["about"])
            if why := difference(told["training"], self.about):
                raise OutputError(f"it was begun {why}; finish that, or pass --overwrite without --resume")
            self._restore(tensors)
            return int(told["step"])

    def learn(self, first: int, folder: Path, on_step: OnProgress | None) -> None:
        """Take all steps that are left."""
        journal, saved = Journal(folder, first), time.monotonic()
        try:
            for step in range(first, self.training.steps):
                values = self.step(step)
                done = step + 1
                if done % LOG_EVERY == 0 or done == self.training.steps:
                    journal.add(done, LABEL, "train", values)
                if done % self.training.evaluate_every == 0 or done == self.training.steps:
                    journal.add(done, LABEL, "held-out", self.look(journal, done))
                if time.monotonic() - saved > SAVE_EVERY:
                    self.save(folder / STATE, done)
                    saved = time.monotonic()
                if on_step:
                    on_step(done, self.training.steps, values)
        finally:
            journal.close()

    def step(self, step: int) -> dict[str, float]:
        """One step of the encoder and of the discriminator; the losses by name."""
        images, known = self._batch(step)
        losses, codes = self.losses(self.encoder, self.critic, images, known, step)
        total = torch.stack([*losses.values()]).sum()
        if not total.isfinite():
            raise NumericError("the loss of the encoder is not finite; lower --lr")
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), MAX_GRADIENT)
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * schedule((step + 1) / self.training.steps)
        self.optimizer.step()
        if self.training.lambda_adversary:
            real = self.models.generator.map(self._draw(step, 1, codes.shape[0] * codes.shape[1]))
            verdict = self.losses.critic(self.critic, codes, real, step % R1_EVERY == 0)
            self.critic_optimizer.zero_grad(set_to_none=True)
            verdict.backward()
            self.critic_optimizer.step()
            losses["critic"] = verdict
        self._average(step)
        return {"loss": total.item(), **{name: loss.item() for name, loss in losses.items()}}

    @torch.no_grad()
    def look(self, journal: Journal, step: int) -> dict[str, float]:
        """How well the running mean does on the pictures held out; draws a sheet of them."""
        images = self._held_out()
        codes = torch.cat([self.average.encode(part) for part in images.split(self.training.batch_size)])
        drawn = self.models.images(Latent(Space.W_PLUS, codes))
        journal.show(step, comparison(images[:SHOWN], drawn[:SHOWN], f"step {step}"))
        values = {"l1": (drawn - images).abs().mean().item(), "l2": F.mse_loss(drawn, images).item()}
        if (identity := self.models.identity) is not None:
            values["identity"] = similarity(identity.embed(drawn), identity.embed(images)).mean().item()
        return values

    def save(self, path: Path, step: int) -> None:
        """Write all that the next steps depend on."""
        about = {"step": step, "training": self.about}
        save_tensors(self._tensors(), path, {KIND: "training", "about": to_json(about)})

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, R, R], and the w [M, w_dim] of the last M of them, which the generator has drawn."""
        training, generator = self.training, self.models.generator
        drawn = training.batch_size if self.pictures is None else round(training.samples * training.batch_size)
        with torch.no_grad():
            known = generator.map(self._draw(step, 0, drawn)) if drawn else torch.empty(0, device=self.models.device)
            images = [generator(Latent(Space.W, known), noise="random").clamp(-1, 1)] if drawn else []
        if count := training.batch_size - drawn:
            images.insert(0, self._photos(step, count))
        return torch.cat(images), known

    def _photos(self, step: int, count: int) -> Tensor:
        assert self.pictures is not None
        rng = torch.Generator().manual_seed(2**32 * self.training.seed + step)
        rows = torch.randint(max(1, len(self.pictures) - self.training.held_out), (count,), generator=rng)
        images = self.pictures.at(rows, self.models.generator.resolution).to(self.models.device)
        if self.training.flip:
            mirrored = torch.rand(count, generator=rng).to(images.device) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return images

    def _held_out(self) -> Tensor:
        count = self.training.held_out
        if self.pictures is None:
            with torch.no_grad():
                return self.models.images(self._latent(self._draw(self.training.steps, 2, count))).clamp(-1, 1)
        rows = torch.arange(len(self.pictures))[-count:]
        return self.pictures.at(rows, self.models.generator.resolution).to(self.models.device)

    def _latent(self, z: Tensor) -> Latent:
        return Latent(Space.W, self.models.generator.map(z))

    def _draw(self, step: int, purpose: int, count: int) -> Tensor:
        """z [count, z_dim] that follow from the step, so that a resumed training sees the same."""
        rng = torch.Generator().manual_seed(2**32 * (3 * self.training.seed + purpose) + step)
        return torch.randn(count, self.models.generator.config.z_dim, generator=rng).to(self.models.device)

    def _average(self, step: int) -> None:
        decay = min(self.training.decay, (1 + step) / (10 + step))  # what was random at the start is forgotten
        own = self.encoder.state_dict()
        for name, tensor in self.average.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(own[name], 1 - decay)
            else:
                tensor.copy_(own[name])

    def _tensors(self) -> dict[str, Tensor]:
        parts: Mapping[str, Mapping[str, Tensor]] = {
            "encoder": self.encoder.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizer": moments(self.optimizer),
            "critic_optimizer": moments(self.critic_optimizer),
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
            restore_moments(self.optimizer, own["optimizer"])
            restore_moments(self.critic_optimizer, own.get("critic_optimizer", {}))
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightError("what it holds does not fit this training; pass --overwrite to begin again") from error
