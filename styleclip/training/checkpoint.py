"""Training checkpoints: saved beside the metrics, compared with the settings before a training is resumed.

A safetensors file with the metadata `{"styleclip": "training", "about": JSON}`. The JSON has `step`, `training` (all
that decides what is trained) and `state`, the state dicts of the parts; every tensor in them is stored under its dotted
name and stands as `{"tensor": NAME}` in the JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from styleclip.errors import OutputError, WeightError
from styleclip.storage.files import to_json
from styleclip.weights.formats import messages
from styleclip.weights.formats.own_checks import count_of
from styleclip.weights.formats.own_files import read_own, save_own

STATE = "state.safetensors"
DIFFERENCES = {  # how an error names values that say little by themselves
    "generator": "with another generator",
    "clip": "with another clip",
    "latents": "with other latents",
    "prompts": "with another prompt",
}


class Stateful(Protocol):
    """A network, an optimizer, or anything else that can be saved and restored."""

    def state_dict(self) -> Mapping[str, Any]: ...

    def load_state_dict(self, state_dict: Any, /) -> Any: ...


class Checkpoint:
    """The state of an unfinished training in `state.safetensors`.

    Args:
        folder: takes the file.
        about: everything that decides what is trained, as JSON takes it; the state of another training is refused.
        parts: what is saved and restored, by name.
        seconds: the least time between two files of `save_if_due`.

    Example:
        checkpoint = Checkpoint(folder, about, {"network": network, "optimizer": optimizer})
        done = checkpoint.resume() if checkpoint.path.exists() else 0
        checkpoint.save(step)
    """

    def __init__(
        self, folder: Path, about: Mapping[str, Any], parts: Mapping[str, Stateful], seconds: float = 60.0
    ) -> None:
        self.path, self.about, self.parts, self.seconds = folder / STATE, about, parts, seconds
        self._saved_at = time.monotonic()

    def save(self, step: int) -> Path:
        """Write the state after `step` steps, all or nothing; raises OutputError."""
        tensors: dict[str, Tensor] = {}
        state = {name: _without_tensors(part.state_dict(), name, tensors) for name, part in self.parts.items()}
        path = save_own("training", tensors, self.path, {"step": step, "training": self.about, "state": state})
        self._saved_at = time.monotonic()
        return path

    def save_if_due(self, step: int) -> None:
        """Save unless the last file is younger than `seconds`."""
        if time.monotonic() - self._saved_at > self.seconds:
            self.save(step)

    def resume(self, overwrite: bool = False) -> int:
        """Restore all parts and return the number of steps done; 0 where `overwrite` discards another training.

        Raises WeightError for a file that cannot be read, and OutputError for the state of another training.
        """
        try:
            saved, tensors = read_state(self.path)
            self._check_training(saved)
        except (WeightError, OutputError):
            if overwrite:
                return 0
            raise
        try:
            for name, part in self.parts.items():
                part.load_state_dict(_state_dict(part, saved["state"][name], tensors))
        except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise WeightError(f"{self.path} does not fit this training; pass --overwrite to begin again") from error
        return int(saved["step"])

    def remove(self) -> None:
        """Remove the file, if it is there."""
        self.path.unlink(missing_ok=True)

    def _check_training(self, saved: Mapping[str, Any]) -> None:
        if "state" not in saved:
            raise WeightError(
                f"{self.path} was written by an earlier version of styleclip; pass --overwrite to begin again"
            )
        if why := difference(saved["training"], self.about):
            raise OutputError(f"{self.path} was begun {why}; finish that, or pass --overwrite to begin again")
        if saved["step"] > self.about.get("steps", saved["step"]):
            raise WeightError(f"{self.path} is damaged: it has more steps than the training; pass --overwrite")


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON and the tensors of a checkpoint; raises WeightError for any other file."""
    try:
        tensors, saved = read_own(path, "training", "begin again")
        return {**saved, "step": count_of(saved, "step", "begin again"), "training": dict(saved["training"])}, tensors
    except (WeightError, KeyError, TypeError, ValueError) as error:
        raise WeightError(f"{path} cannot be read; pass --overwrite to begin again") from error


def difference(recorded: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """How the training that a file records differs from `about`, e.g. "with lr 1.0, not 2.0"; "" where it does not."""
    return messages.difference(recorded, json.loads(to_json(about)), DIFFERENCES)


def _without_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON takes it; its tensors are added to `tensors` under their dotted names."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {str(key): _without_tensors(each, f"{name}.{key}", tensors) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_tensors(each, f"{name}.{i}", tensors) for i, each in enumerate(value)]
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of `_without_tensors`, but for keys, which stay strings, and tuples, which stay lists."""
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return tensors[value["tensor"]]
        return {key: _with_tensors(each, tensors) for key, each in value.items()}
    return [_with_tensors(each, tensors) for each in value] if isinstance(value, list) else value


def _state_dict(part: Stateful, saved: Any, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    state: dict[str, Any] = _with_tensors(saved, tensors)
    if isinstance(part, torch.optim.Optimizer):  # which numbers its parameters
        state["state"] = {int(index): moments for index, moments in state["state"].items()}
    return state
