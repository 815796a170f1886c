"""One step of the training of several mappers on the same images, and their validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.networks.batch_size import TRAIN, max_batch
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.runtime.batching import Batches
from styleclip.schedules import projector_schedule
from styleclip.stylespace.sample_settings import uses_samples
from styleclip.training.checkpoint import Stateful
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import FixedBatches, SourceCache, split_held_out
from styleclip.training.mapper.losses import MapperLosses
from styleclip.training.mapper.mapper_state import PromptMapper, new_mapper
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.warm_start import warm_start

Values = dict[int, dict[str, float]]  # losses and scores by the index of the prompt


class MapperTrainer:
    """A mapper for every prompt, trained on `latent`. All fields of `training` must be set (`resolved`)."""

    def __init__(
        self,
        models: Models,
        prompts: Sequence[Prompt],
        training: MapperTraining,
        latent: Latent,
        processes: ProcessGroup,
        micro_batch: int | None = None,
        on_step: OnStep = ignore,
    ) -> None:
        self.models, self.training, self.processes = models, training, processes
        self.losses = MapperLosses(models, prompts, training, on_step)
        self.sources = SourceCache(models, latent, self.losses.resolution, bool(training.lambda_id))
        rows, self.held_out = split_held_out(len(latent), training)
        self.batches = FixedBatches(rows, training.batch_size, training.seed)
        networks = [new_mapper(training, models.generator) for _ in prompts]
        self.mappers = [
            PromptMapper(prompt, network, training, models.device)
            for prompt, network in zip(prompts, networks, strict=True)
        ]
        size = max(1, max_batch(models.generator, TRAIN, self.losses.resolution) // len(prompts))
        self.micro_batches = Batches(micro_batch or size)

    @property
    def active(self) -> list[int]:
        """The indices of the prompts whose mappers still improve."""
        return [i for i, mapper in enumerate(self.mappers) if mapper.is_learning]

    @property
    def held_out_latents(self) -> Latent:
        return self.sources.latent[self.held_out]

    @property
    def state(self) -> dict[str, Stateful]:
        """The parts of a checkpoint."""
        return {f"{i}.{name}": part for i, mapper in enumerate(self.mappers) for name, part in mapper.state.items()}

    def warm_start(self, on_step: OnStep = ignore) -> None:
        """Fit new mappers to the step of the samples, where goal or prior are made of them."""
        if uses_samples(self.training):
            warm_start(self.models, self.mappers, self.losses, self.processes, on_step)

    def step(self, step: int) -> Values:
        """One step of every active mapper: the means over its batch."""
        # Gradients of the mean loss, summed over all processes.
        active, rows = self.active, self.batches.at(step)
        for i in active:
            self.mappers[i].network.zero_grad()
        parameters = [p for i in active for p in self.mappers[i].network.parameters()]
        sums = self._sums(self.processes.shard(rows), active, parameters, len(rows))
        for parameter in parameters:
            if parameter.grad is None:  # this process had no latent of a last, short batch
                parameter.grad = torch.zeros_like(parameter)
        self.processes.all_reduce([p.grad for p in parameters if p.grad is not None])

        # Update.
        values = self._means(sums, active, len(rows))
        _check_finite(values, step + 1)
        lr = self.training.lr * projector_schedule((step + 0.5) / self.training.steps)
        for i in active:
            self.mappers[i].update(lr)
        return values

    @torch.no_grad()
    def validate(self, step: int, baseline: Values) -> Values:
        """The means over the held-out latents after `step` steps; the best weights of each active mapper are kept."""
        rows = self.processes.shard(self.held_out)
        values = self._means(self._sums(rows, self.active), self.active, len(self.held_out))
        _check_finite(values, step)
        for i, scores in values.items():
            mapper = self.mappers[i]
            mapper.best.update(step, {**scores, "target_before": baseline[i]["target"]}, mapper.network)
        return values

    @torch.no_grad()
    def baseline(self) -> Values:
        """`clip` and `target` of the held-out latents before the edit."""
        prompts = range(len(self.mappers))
        sums: dict[str, Tensor] = {}
        rows = self.processes.shard(self.held_out)
        for values in self.micro_batches(lambda part: self.losses.baseline(self.sources.at(part), prompts), rows):
            _accumulate(values, sums)
        return self._means(sums, prompts, len(self.held_out))

    def _sums(
        self, rows: Tensor, active: Sequence[int], parameters: Sequence[Tensor] = (), count: int = 1
    ) -> dict[str, Tensor]:
        """Losses and scores [A] summed over rows; `parameters` gain the gradients of the mean loss of `count` rows."""
        sums: dict[str, Tensor] = {}

        def work(part: Tensor) -> tuple[dict[str, Tensor], Sequence[Tensor | None]]:
            source = self.sources.at(part)
            steps = torch.stack([self.mappers[i].step(source.latent.data) for i in active])
            values = self.losses(source, steps, active)
            if not parameters:
                return values, ()
            return values, torch.autograd.grad(values["loss"].sum() / count, parameters, allow_unused=True)

        for values, gradients in self.micro_batches(work, rows):
            _accumulate(values, sums)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return sums

    def _means(self, sums: dict[str, Tensor], active: Sequence[int], count: int) -> Values:
        """Sums of all processes over `count` rows as means, by the index of the prompt."""
        names = ["loss", "clip", "l2", "target", *(["identity"] if self.sources.recogniser else [])]
        zeros = torch.zeros(len(active), device=self.models.device)
        table = torch.stack([sums.get(name, zeros) for name in names])  # [names, A]
        self.processes.all_reduce([table])
        columns = (table / count).T.tolist()
        return {i: dict(zip(names, column, strict=True)) for i, column in zip(active, columns, strict=True)}


def _accumulate(values: Mapping[str, Tensor], sums: dict[str, Tensor]) -> None:
    """Add values [A, n], summed over the n."""
    for name, value in values.items():
        sums[name] = sums.get(name, 0.0) + value.detach().float().sum(dim=1)


def _check_finite(values: Values, step: int) -> None:
    if not all(torch.tensor([*scores.values()]).isfinite().all() for scores in values.values()):
        raise NumericError(f"the loss is not finite at step {step}; lower --lr, or use --dtype float32")
