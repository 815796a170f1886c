"""All mappers of a training, learning side by side from the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from styleclip.errors import NumericError
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.runtime.batching import Batches
from styleclip.schedules import projector_schedule
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.data import FixedBatches, SourceCache, split_held_out
from styleclip.training.mapper.losses import MapperLosses
from styleclip.training.mapper.mapper_state import PromptMapper
from styleclip.training.mapper.settings import MapperTraining

Values = dict[int, dict[str, float]]  # losses and scores by the number of the prompt


class MapperTrainer:
    """A student for every prompt, and the latents they learn from. Settings must be settled."""

    def __init__(
        self,
        models: Models,
        prompts: Sequence[Prompt],
        training: MapperTraining,
        latent: Latent,
        processes: ProcessGroup,
        micro_batch: int | None = None,
    ) -> None:
        self.models, self.training, self.processes = models, training, processes
        self.losses = MapperLosses(models, prompts, training)
        self.sources = SourceCache(models, latent, self.losses.side, bool(training.lambda_id))
        learning, self.held_out = split_held_out(len(latent), training)
        self.batches = FixedBatches(learning, training.batch_size or 1, training.seed)
        networks = (training.network(models.generator) for _ in prompts)
        self.mappers = [
            PromptMapper(prompt, network, training, models.device)
            for prompt, network in zip(prompts, networks, strict=True)
        ]
        self.parts = Batches(micro_batch or training.micro_batch(models.generator, self.losses.side, len(prompts)))

    @property
    def active(self) -> list[int]:
        """The numbers of the prompts that still learn."""
        return [i for i, student in enumerate(self.mappers) if student.is_learning]

    @property
    def faces(self) -> Latent:
        """The latents held out."""
        return self.sources.latent[self.held_out]

    def step(self, step: int) -> Values:
        """One step of every mapper that still learns: what its batch came to, by the number of its prompt."""
        active = self.active
        for i in active:
            self.mappers[i].network.zero_grad()
        rows = self.batches.at(step)
        parameters = [p for i in active for p in self.mappers[i].network.parameters()]
        sums = self._summed(self.processes.shard(rows), active, parameters, len(rows))
        for parameter in parameters:
            if parameter.grad is None:  # this process had no latent of a last, short batch
                parameter.grad = torch.zeros_like(parameter)
        self.processes.all_reduce([p.grad for p in parameters if p.grad is not None])
        values = self._means(sums, active, len(rows))
        _check(values, step + 1)
        lr = (self.training.lr or 0.0) * projector_schedule((step + 0.5) / (self.training.steps or 1))
        for i in active:
            self.mappers[i].update(lr)
        return values

    @torch.no_grad()
    def look(self, step: int) -> Values:
        """The means over the latents held out, of the mappers that still learn, after `step` steps."""
        rows = self.processes.shard(self.held_out)
        values = self._means(self._summed(rows, self.active), self.active, len(self.held_out))
        _check(values, step)
        return values

    @torch.no_grad()
    def baseline(self) -> Values:
        """`clip` and `target` of the latents held out as they are."""
        everyone = range(len(self.mappers))
        sums: dict[str, Tensor] = {}
        rows = self.processes.shard(self.held_out)
        for values in self.parts(lambda part: self.losses.unedited(self.sources.at(part), everyone), rows):
            _add(values, sums)
        return self._means(sums, everyone, len(self.held_out))

    def _summed(
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

        for values, gradients in self.parts(work, rows):
            _add(values, sums)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return sums

    def _means(self, sums: dict[str, Tensor], active: Sequence[int], count: int) -> Values:
        """Sums of all processes over `count` rows as means, by the number of the prompt."""
        names = ["loss", "clip", "l2", "target", *(["identity"] if self.sources.identity else [])]
        none = torch.zeros(len(active), device=self.models.device)
        table = torch.stack([sums.get(name, none) for name in names])  # [names, A]
        self.processes.all_reduce([table])
        columns = (table / count).T.tolist()
        return {i: dict(zip(names, column, strict=True)) for i, column in zip(active, columns, strict=True)}


def _add(values: Mapping[str, Tensor], sums: dict[str, Tensor]) -> None:
    """Add values [A, n], summed over the n."""
    for name, own in values.items():
        sums[name] = sums.get(name, 0.0) + own.detach().float().sum(dim=1)


def _check(values: Values, step: int) -> None:
    if not all(torch.tensor([*own.values()]).isfinite().all() for own in values.values()):
        raise NumericError(f"the loss is not finite at step {step}; lower --lr, or use --dtype float32")
