"""The networks an editor works with, together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from styleclip.channels import Relevance
from styleclip.models.clip import CLIP
from styleclip.models.identity import Identity
from styleclip.models.stylegan2 import Generator


@dataclass(frozen=True)
class Models:
    """Frozen networks on one device. `identity` is None where faces are not to be compared.

    `defaults` holds the settings that suit this generator, by method name; `provenance` says which files these are;
    `relevance()` reads the relevance table of this generator and CLIP, or gives None where there is none.
    """

    generator: Generator
    clip: CLIP
    identity: Identity | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    relevance: Callable[[], Relevance | None] = lambda: None

    @property
    def device(self) -> torch.device:
        return self.generator.w_avg.device
