"""Regression of new mappers to the step of the samples: a start of their training that renders nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.schedules import projector_schedule
from styleclip.stylespace.samples import models_samples, sample_w
from styleclip.training.distributed import ProcessGroup
from styleclip.training.mapper.losses import MapperLosses
from styleclip.training.mapper.mapper_state import PromptMapper, new_optimizer

BATCH = 64  # samples per step, of each process
LR = 0.5  # peak; that of StyleCLIP's trainings


def warm_start(
    models: Models,
    mappers: Sequence[PromptMapper],
    losses: MapperLosses,
    processes: ProcessGroup,
    on_step: OnStep = ignore,
) -> None:
    """Fit every mapper to the prior of its prompt, by `training.warm_start` steps of Adam on the samples.

    The samples are known to CLIP, so no picture is rendered. The loss is the squared whitened distance from the prior.
    Every process does the same, and their weights are averaged at last.
    """
    training = losses.training
    space, samples = Space(training.space), models_samples(models, training.samples)
    w, features = Latent(Space.W, sample_w(models.generator, samples)), samples.features.to(models.device)
    total = training.warm_start * len(mappers)
    for i, mapper in enumerate(mappers):
        optimizer, random = new_optimizer(mapper.network, training), torch.Generator().manual_seed(training.seed)
        for step in range(training.warm_start):
            rows = torch.randint(len(samples), (BATCH,), generator=random).to(models.device)
            with torch.no_grad():
                latent = models.generator.to_space(w[rows], space).data.float()
                prior = losses.prior(features[rows], i)
            loss = losses.squared_distance(mapper.step(latent), prior).mean()
            optimizer.zero_grad()
            loss.backward()
            for group in optimizer.param_groups:
                group["lr"] = LR * projector_schedule((step + 0.5) / training.warm_start)
            optimizer.step()
            on_step(Step(i * training.warm_start + step + 1, total, {"loss": loss.item()}, stage="warm start"))
        _average(mapper, processes)
        mapper.best.weights = {name: value.clone() for name, value in mapper.network.state_dict().items()}


@torch.no_grad()
def _average(mapper: PromptMapper, processes: ProcessGroup) -> None:
    if processes.world_size > 1:
        weights = [parameter.div_(processes.world_size) for parameter in mapper.network.parameters()]
        processes.all_reduce(weights)
