"""The options that train-mapper and train-encoder share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.from_settings import option_group
from styleclip.settings import setting


def kept_state(folder: Path) -> str:
    """What is kept of an unfinished training after Ctrl-C, and how to go on."""
    from styleclip.training.checkpoint import STATE

    path = folder / STATE
    if path.exists():
        return f"{path} is kept, of the last seconds; the same command with --resume goes on from there"
    return "no state of the training was saved yet, so the same command begins again"


@dataclass(frozen=True)
class TrainingOptions:
    """How a training begins, and the precision of what it writes."""

    half: bool = setting(False, "Write half precision: half the size.")
    resume: bool = setting(False, "Go on where an earlier run was cut off.")

    def arguments(self, common: CommonOptions) -> dict[str, Any]:
        """The arguments of `train_mappers` and `train_encoder` that these options decide."""
        import torch

        dtype = torch.float16 if self.half else torch.float32
        return {"resume": self.resume, "overwrite": common.overwrite, "dtype": dtype}


training_options = option_group("training", TrainingOptions)
