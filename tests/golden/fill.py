"""Deterministic weights for the golden vectors: the same numbers on every machine, from tensor names alone.

    weights = state_dict("stylegan2_rosinality_64")      # {key: float32 ndarray}, in the reference's own key order
    arrays = vectors("stylegan2_rosinality_64")          # recorded inputs and outputs

`draw(name, shape, seed)` is standard normal, seeded by crc32(name). Each golden `.json` holds the keys with their
shapes and either a list of rules `[regex, mean, std]` (first match wins; value = mean + std * n; std null = a constant
buffer such as a FIR kernel, which the loader recomputes) or a sentence describing the same thing.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
BLOCK = 1 << 16  # values drawn at once, so that the float64 ones stay in the cache
Array = np.ndarray[Any, Any]


def state_dict(name: str) -> dict[str, Array]:
    """The weights of a golden network; FIR kernels, which every loader recomputes, are left out."""
    about = meta(name)
    return fill(about["keys"], about["rules"], about["seed"])


def vectors(name: str) -> dict[str, Array]:
    """The recorded inputs and outputs of a golden network."""
    return dict(np.load(HERE / f"{name}.npz"))


def meta(name: str) -> dict[str, Any]:
    """Keys, rules and seed of a golden network."""
    about: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return about


def fill(keys: Mapping[str, Sequence[int]], rules: list[list[Any]] | str, seed: int) -> dict[str, Array]:
    """Values for tensors of these names and shapes."""
    weights: dict[str, Array] = {}
    for key, shape in keys.items():
        if key.endswith("num_batches_tracked"):
            weights[key] = np.zeros((), dtype=np.int64)
        elif isinstance(rules, str):
            weights[key] = _residual_net(key, shape, seed)
        else:
            mean, std = next((mean, std) for pattern, mean, std in rules if re.search(pattern, key))
            if std is not None:
                weights[key] = np.float32(mean) + np.float32(std) * draw(key, shape, seed)
    return weights


def draw(name: str, shape: Sequence[int], seed: int) -> Array:
    """Standard normal float32 values that depend on the name and the seed only."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = np.empty(math.prod(shape), dtype=np.float32)
    buffer = np.empty(min(values.size, BLOCK))
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        block[:] = rng.standard_normal(out=buffer[: block.size])
    return values.reshape(tuple(shape))


def _residual_net(key: str, shape: Sequence[int], seed: int) -> Array:
    """The rule of the IR-SE50 networks, spelled out under "rules" in their json."""
    n = draw(key, shape, seed)
    if key.endswith("running_var"):
        return 1 + 0.1 * np.abs(n)
    if key.endswith("running_mean"):
        return 0.1 * n
    if len(shape) == 1:
        return (1 + 0.1 * n) if key.endswith("weight") else 0.1 * n
    n /= np.float32(np.sqrt(np.prod(shape[1:])))
    return n
