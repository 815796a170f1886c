"""The mapper of one prompt in training: its network, its optimizer and its best weights so far."""

from __future__ import annotations

import copy
from typing import Any

import torch
from timm.optim.lookahead import Lookahead
from torch import Tensor

from styleclip.networks.generator import Generator
from styleclip.networks.latent_mapper import STEP, LevelsMapper, Mapper, StyleMapper
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import Stateful
from styleclip.training.mapper.settings import MapperTraining

MIN_IMPROVEMENT = 1e-4  # of the held-out loss, to count as better
SCORES = {"loss", "target", "target_before"}  # of every validation


class PromptMapper:
    """A mapper that is trained for `prompt`."""

    def __init__(self, prompt: Prompt, network: Mapper, training: MapperTraining, device: torch.device) -> None:
        self.prompt, self.training = prompt, training
        self.network = network.to(device).requires_grad_(True)
        self.optimizer = new_optimizer(self.network, training)
        self.best = BestWeights(self.network)

    @property
    def is_learning(self) -> bool:
        """False once `patience` validations in a row brought no improvement."""
        return self.best.stale < self.training.patience

    @property
    def state(self) -> dict[str, Stateful]:
        """The parts of a checkpoint."""
        return {"network": self.network, "optimizer": self.optimizer, "best": self.best}

    def step(self, latents: Tensor) -> Tensor:
        """What is added to latents: `0.1 * mapper(latent)`, of the same shape."""
        step: Tensor = STEP * self.network(latents)
        return step

    def update(self, lr: float) -> None:
        """One step of the optimizer along the gradients of the parameters."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()


class BestWeights:
    """The weights with the lowest loss on the held-out latents, and the `scores` they had there."""

    def __init__(self, network: Mapper) -> None:
        self.weights = copy.deepcopy(network.state_dict())
        self.scores: dict[str, float] = {}
        self.step = 0
        self.stale = 0  # validations since the last improvement

    def update(self, step: int, scores: dict[str, float], network: Mapper) -> None:
        """Keep the weights of `network` if their loss is the lowest so far."""
        if self.scores and scores["loss"] >= self.scores["loss"] - MIN_IMPROVEMENT:
            self.stale += 1
            return
        self.scores, self.step, self.stale = scores, step, 0
        self.weights = copy.deepcopy(network.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError for the weights of another network, and for scores without those of a validation."""
        shapes, expected = ({n: each.shape for n, each in w.items()} for w in (state["weights"], self.weights))
        if shapes != expected:
            raise ValueError("the weights are of another network")
        scores = {str(name): float(score) for name, score in state["scores"].items()}
        if scores and not scores.keys() >= SCORES:
            raise ValueError("the scores are incomplete")
        self.weights, self.scores = state["weights"], scores
        self.step, self.stale = int(state["step"]), int(state["stale"])


def new_mapper(training: MapperTraining, generator: Generator) -> Mapper:
    """A new mapper on the CPU; the global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        if training.space == "s":
            return StyleMapper(generator.layout, training.torgb)
        return LevelsMapper(training.levels or (), generator.config.w_dim)


def new_optimizer(network: Mapper, training: MapperTraining) -> torch.optim.Optimizer:
    """Adam, or the published Ranger: RAdam (Liu et al. 2020) with Lookahead (Zhang et al. 2019)."""
    if training.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=training.lr, betas=(0.9, 0.99))
    radam = torch.optim.RAdam(network.parameters(), lr=training.lr, betas=(0.95, 0.999), eps=1e-5)
    return Lookahead(radam, alpha=0.5, k=6)
