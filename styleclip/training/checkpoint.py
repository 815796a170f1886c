"""What an unfinished training has learned, as a file beside its metrics, and whether the next run may go on with it.

safetensors with the metadata `{"styleclip": "training", "about": JSON}`; the tensors of prompt i begin with `{i}.`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.errors import OutputError, WeightError
from styleclip.files import to_json
from styleclip.training.mapper.mapper_state import PromptMapper
from styleclip.weights.formats import messages
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import KIND, save_tensors
from styleclip.weights.formats.registry import read_one

STATE = "state.safetensors"
ELSE = {
    "generator": "with another generator",
    "clip": "with another clip",
    "latents": "with other latents",
    "prompts": "with another prompt",
}


@dataclass(frozen=True)
class TrainingState:
    """The students after `step` steps of the training that `about` describes."""

    step: int
    about: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    told: Sequence[Mapping[str, Any]]

    @staticmethod
    def of(step: int, about: Mapping[str, Any], students: Sequence[PromptMapper]) -> TrainingState:
        tensors = {f"{i}.{name}": each for i, one in enumerate(students) for name, each in one.tensors().items()}
        return TrainingState(step, about, tensors, [student.told() for student in students])

    def save(self, path: Path) -> Path:
        """Write all or nothing; raises OutputError."""
        about = {"step": self.step, "training": self.about, "students": list(self.told)}
        return save_tensors(self.tensors, path, {KIND: "training", "about": to_json(about)})

    @staticmethod
    def load(path: Path) -> TrainingState:
        """What `save` wrote; raises WeightError for any other file."""
        found = read_one(path, "training")
        with error_context(path):
            tensors = found.read()
            try:
                told = json.loads(found.settings["about"])
                return TrainingState(int(told["step"]), dict(told["training"]), tensors, list(told["students"]))
            except (KeyError, TypeError, ValueError) as error:
                raise WeightError("it does not say what it is; pass the state of an unfinished training") from error

    def restore(self, students: Sequence[PromptMapper]) -> None:
        """Give every student back what it had learned."""
        if len(self.told) != len(students):
            raise WeightError("what it holds does not fit this training; pass --overwrite to begin again")
        for i, student in enumerate(students):
            own = {name.partition(".")[2]: each for name, each in self.tensors.items() if name.startswith(f"{i}.")}
            student.restore(own, self.told[i])


def unfinished(path: Path, about: Mapping[str, Any], overwrite: bool) -> TrainingState | None:
    """What the training `about` left at `path`; None where `overwrite` lets it begin again in place of another one.

    Raises WeightError for a file that cannot be read, and OutputError for the state of another training.
    """
    try:
        state = TrainingState.load(path)
    except WeightError as error:
        if overwrite:
            return None
        raise WeightError(f"{path} cannot be read; pass --overwrite to begin again") from error
    if why := difference(state.about, about):
        if overwrite:
            return None
        raise OutputError(f"{path} was begun {why}; finish that, or pass --overwrite to begin again")
    return state


def difference(told: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """How the training `told` of differs from `about`; "" where it does not."""
    return messages.difference(told, json.loads(to_json(about)), ELSE)
