"""The average w of a generator whose file lacks it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.generator import Mapping as MappingNetwork
from styleclip.networks.generator_config import MAPPING_LR_MUL
from styleclip.networks.layers import normalize_2nd_moment
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, ComputedTensor, LazyTensor, read_tensor
from styleclip.weights.state_dict import load_strict, on_meta

NO_AVERAGE = "the file has no average latent; the mean of 4096 seeded samples is used"
AVERAGE_KEY = "mapping.w_avg"
EMBEDDING_KEYS = ("mapping.embed.weight", "mapping.embed.bias")
MAX_MAPPING_WIDTH = 4096  # for which the average w is computed; published ones have 512
AVERAGE_SAMPLES = 4096  # as in StyleCLIP's mean_latent(4096)
SAMPLE_BATCH = 512  # 1 MB per activation


def add_average(
    tensors: Mapping[str, AnyTensor], mapping_lr_mul: Any = MAPPING_LR_MUL
) -> tuple[dict[str, AnyTensor], tuple[str, ...]]:
    """The tensors of a generator under our names with its average w, and the warning where it had to be computed."""
    if AVERAGE_KEY in tensors or "mapping.fc0.weight" not in tensors:
        return dict(tensors), ()
    return {**tensors, AVERAGE_KEY: mean_w(tensors, mapping_lr_mul)}, (NO_AVERAGE,)


def mean_w(tensors: Mapping[str, AnyTensor], mapping_lr_mul: Any = MAPPING_LR_MUL) -> LazyTensor:
    """[w_dim]: the mean of the mapping network's output for seeded samples, with the classes in turn if it has any."""
    depth = sum(f"mapping.fc{i}.weight" in tensors for i in range(len(tensors)))
    layers = {name: tensors[name] for i in range(depth) for name in (f"mapping.fc{i}.weight", f"mapping.fc{i}.bias")}
    embedding = [tensors[name] for name in EMBEDDING_KEYS if name in tensors]
    shapes = [tuple(tensors[f"mapping.fc{i}.weight"].shape) for i in range(depth)]
    if any(len(shape) != 2 for shape in shapes) or max(map(max, shapes)) > MAX_MAPPING_WIDTH:
        raise WeightError(f"its mapping network is wider than {MAX_MAPPING_WIDTH}; do not trust it")
    inputs, widths = shapes[0][1], [shape[0] for shape in shapes]
    embedded = embedding[0].shape[0] if len(embedding) == len(EMBEDDING_KEYS) else 0

    def compute() -> Tensor:
        mapping = on_meta(lambda: MappingNetwork(inputs, widths, mapping_lr_mul))
        named = {name.removeprefix("mapping."): tensor for name, tensor in layers.items()}
        load_strict(mapping, {**named, "w_avg": torch.zeros(widths[-1])})
        z = torch.randn(AVERAGE_SAMPLES, inputs - embedded, generator=torch.Generator().manual_seed(0))
        x = normalize_2nd_moment(z)
        if embedded:
            x = torch.cat([x, _class_inputs(embedding)[torch.arange(len(z)) % embedding[0].shape[1]]], dim=1)
        return torch.cat([mapping.layers(rows) for rows in x.split(SAMPLE_BATCH)]).mean(dim=0)

    return ComputedTensor(widths[-1:], compute)


def _class_inputs(embedding: list[AnyTensor]) -> Tensor:
    """[classes, m]: what every class adds to the input of the mapping network."""
    weight, bias = (read_tensor(tensor).float() for tensor in embedding)  # [m, classes], [m]
    return normalize_2nd_moment(weight.T / math.sqrt(weight.shape[1]) + bias)
