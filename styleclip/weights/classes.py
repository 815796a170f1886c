"""Classes of a conditional generator: one of them folded into its tensors, and the average w of that class."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.generator import Generator
from styleclip.networks.layers import normalize_2nd_moment
from styleclip.weights.formats.configs import Tensors
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, read_tensor

AVERAGE_SAMPLES = 10_000  # seeded z for the average w of a class
SAMPLE_BATCH = 1000  # 4 MB per activation of 512 numbers


def choose_class(tensors: Tensors, label: int | None) -> dict[str, AnyTensor]:
    """Fold one class into the tensors of a conditional generator, which makes them those of an unconditional one.

    The tensors of an unconditional generator are returned as they are. With the constant e of the class,
    normalize_2nd_moment(embed(c)), the first layer of the mapping network,
    `lr_mul * ((W_z z + W_e e) / sqrt(n + m) + b)` with z [n] and e [m], equals `lr_mul * (W z / sqrt(n) + b')`, where
    W = W_z sqrt(n / (n + m)) and b' = b + W_e e / sqrt(n + m). Of averages of all classes, `mapping.w_avg`
    [classes, w_dim], the class's own is kept. Raises WeightError for a label that is missing, not among the classes, or
    has no use.
    """
    ours = dict(tensors)
    if not {"mapping.embed.weight", "mapping.embed.bias", "mapping.fc0.weight"} <= ours.keys():
        if label is not None:
            raise WeightError("its generator has no classes; leave the label out")
        return ours
    embed, embed_bias = (read_tensor(ours.pop(f"mapping.embed.{name}")).float() for name in ("weight", "bias"))
    classes = embed.shape[1]
    if label is None or not 0 <= label < classes:
        reason = "" if label is None else f", and {label} is none of them"
        raise WeightError(
            f"its generator has {classes} classes{reason}; choose 0 to {classes - 1} by label= or --label"
        )
    e = normalize_2nd_moment((embed[:, label] / math.sqrt(classes) + embed_bias)[None])[0]  # [m]
    weight = read_tensor(ours["mapping.fc0.weight"]).float()  # [out, n + m]
    n, total = weight.shape[1] - len(e), weight.shape[1]
    ours["mapping.fc0.weight"] = weight[:, :n] * math.sqrt(n / total)
    ours["mapping.fc0.bias"] = read_tensor(ours["mapping.fc0.bias"]) + weight[:, n:] @ e / math.sqrt(total)
    if has_class_averages(tensors):
        ours["mapping.w_avg"] = read_tensor(ours["mapping.w_avg"])[label]
    return ours


def has_class_averages(tensors: Tensors) -> bool:
    """Whether a file has the average w of every class of a conditional generator, [classes, w_dim]."""
    average, embed = tensors.get("mapping.w_avg"), tensors.get("mapping.embed.weight")
    if average is None or embed is None or len(embed.shape) != 2:
        return False
    return len(average.shape) == 2 and average.shape[0] == embed.shape[1]


@torch.no_grad()
def class_average(generator: Generator) -> Tensor:
    """[w_dim]: the mean w of 10,000 seeded z by the mapping network with one class folded in.

    `w_avg` of a conditional generator is the mean over all classes, which resembles none of them. The sum is taken in
    float64, so that machines agree on its float32 value and thereby on the generator's fingerprint.
    """
    precise = copy.deepcopy(generator.mapping).double()
    z = torch.randn(AVERAGE_SAMPLES, generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    total = torch.zeros_like(precise.w_avg)
    for rows in z.split(SAMPLE_BATCH):
        total += precise.layers(normalize_2nd_moment(rows.double())).sum(dim=0)
    return (total / AVERAGE_SAMPLES).to(generator.w_avg)
