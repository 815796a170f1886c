"""Networks from tensors by name, and discriminators from files, which no command needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.weights.formats import nvidia_torch, rosinality
from styleclip.weights.formats.generator_configs import generator_config
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.registry import read_one
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor
from styleclip.weights.state_dict import load_strict, on_meta
from tests.helpers.tiny import tiny_generator


def generator_from_tensors(tensors: Mapping[str, AnyTensor]) -> Generator:
    """A frozen generator from tensors in our names, which are NVIDIA's; FIR filters are checked and left out."""
    kept = nvidia_torch.remove_filters(tensors)
    config = generator_config(kept)
    return load_strict(on_meta(lambda: Generator(config)), kept).freeze()


def load_discriminator(path: str | Path) -> Discriminator:
    """The discriminator in a file, frozen; raises WeightError."""
    with error_context(path):
        content = read_one(path, "discriminator")
        content.check()
        return load_strict(on_meta(lambda: Discriminator(**content.config)), content.tensors)


def export_discriminator(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a `Discriminator` -> rosinality's names."""
    resolution = max(int(name[1:].partition(".")[0]) for name in tensors)
    theirs = {key.theirs: key.to_theirs(tensors[key.ours]) for key in rosinality.discriminator_keys(resolution)}
    for k in range(1, round(math.log2(resolution)) - 1):
        theirs[f"convs.{k}.conv2.0.kernel"] = rosinality.fir_kernel()
        theirs[f"convs.{k}.skip.0.kernel"] = rosinality.fir_kernel()
    return theirs


def rosinality_checkpoint() -> dict[str, Any]:
    """What rosinality's code saves of a tiny generator: `g_ema` and `latent_avg`."""
    return dict(rosinality.export_generator(tiny_generator().state_dict()))
