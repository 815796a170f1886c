"""The options that train-mapper and train-encoder share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from styleclip.cli.options.common import CommonOptions, option_group

RESUMABLE = "--resume goes on from what was saved in the last seconds"  # the message after Ctrl-C


@dataclass(frozen=True)
class TrainingOptions:
    """How a training begins, and the precision of what it writes."""

    half: bool
    resume: bool

    def arguments(self, common: CommonOptions) -> dict[str, Any]:
        """The arguments of `train_mappers` and `train_encoder` that these options decide."""
        import torch

        dtype = torch.float16 if self.half else torch.float32
        return {"resume": self.resume, "overwrite": common.overwrite, "dtype": dtype}


training_options = option_group(
    "training",
    TrainingOptions,
    (
        click.option("--half", is_flag=True, help="Write half precision: half the size."),
        click.option("--resume", is_flag=True, help="Go on where an earlier run was cut off."),
    ),
)
