"""The mapper of one prompt while it learns: its network, its optimizer and the best it has been."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from timm.optim.lookahead import Lookahead
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.latent_mapper import STEP, Mapper
from styleclip.prompts import Prompt
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.moments import load_optimizer_tensors, optimizer_tensors

BETTER = 1e-4  # a held-out loss that falls by less brings nothing new


class PromptMapper:
    """A mapper that learns `prompt`. `scores` are those of the best so far on the latents held out."""

    def __init__(self, prompt: Prompt, network: Mapper, training: MapperTraining, device: torch.device) -> None:
        self.prompt, self.training = prompt, training
        self.network = network.to(device).requires_grad_(True)
        self.optimizer = _optimizer(self.network, training)
        self.best = copy.deepcopy(self.network.state_dict())
        self.scores: dict[str, float] = {}
        self.best_step = self.idle = 0

    @property
    def is_learning(self) -> bool:
        """False once so many looks in a row brought nothing new."""
        return self.idle < self.training.patience

    def step(self, latents: Tensor) -> Tensor:
        """What is added to latents: `0.1 * mapper(latent)`, of the same shape."""
        moved: Tensor = STEP * self.network(latents)
        return moved

    def update(self, lr: float) -> None:
        """One step of the optimizer along the gradients that are there."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()

    def look(self, step: int, scores: dict[str, float]) -> None:
        """Remember the network if it did better on the latents held out than ever before."""
        if not self.scores or scores["loss"] < self.scores["loss"] - BETTER:
            self.scores, self.best_step, self.idle = scores, step, 0
            self.best = copy.deepcopy(self.network.state_dict())
        else:
            self.idle += 1

    def tensors(self) -> dict[str, Tensor]:
        """All numbers that the next steps depend on, but for `told`."""
        parts = {
            "network": self.network.state_dict(),
            "best": self.best,
            "optimizer": optimizer_tensors(self.optimizer),
        }
        return {f"{head}.{name}": each for head, part in parts.items() for name, each in part.items()}

    def told(self) -> dict[str, Any]:
        """The rest, as JSON takes it."""
        slow = [group.get("lookahead_step", 0) for group in self.optimizer.param_groups]
        return {"scores": self.scores, "best_step": self.best_step, "idle": self.idle, "lookahead": slow}

    def restore(self, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
        """Become what `tensors` and `told` were taken from; raises WeightError where they do not fit."""
        own: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}}
        try:
            for name, tensor in tensors.items():
                head, _, rest = name.partition(".")
                own[head][rest] = tensor
            self.network.load_state_dict(own["network"])
            self.best = {name: own["best"][name].to(self._device) for name in self.network.state_dict()}
            groups = self.optimizer.state_dict()["param_groups"]
            for group, step in zip(groups, told["lookahead"], strict=True):
                group |= {"lookahead_step": step} if "lookahead_step" in group else {}
            load_optimizer_tensors(self.optimizer, own["optimizer"], groups)
            self.scores, self.best_step, self.idle = dict(told["scores"]), told["best_step"], told["idle"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightError("what it holds does not fit this training; pass --overwrite to begin again") from error

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def _optimizer(network: Mapper, training: MapperTraining) -> torch.optim.Optimizer:
    """Adam, or what StyleCLIP trains with: RAdam (Liu et al. 2020) with Lookahead (Zhang et al. 2019)."""
    if training.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=training.lr or 0.0, betas=(0.9, 0.99))
    radam = torch.optim.RAdam(network.parameters(), lr=training.lr or 0.0, betas=(0.95, 0.999), eps=1e-5)
    return Lookahead(radam, alpha=0.5, k=6)
