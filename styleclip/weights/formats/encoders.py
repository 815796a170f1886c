"""Files of e4e and pSp: an encoder, the generator it was trained with, and the options of the training.

A torch file with `state_dict` (names begin with `encoder.` or `decoder.`), `latent_avg` [num_ws, 512] and `opts`,
a dict or a Namespace. What training adds to resume from (optimizers, a discriminator, counters) is ignored.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.networks.e4e import Encoder
from styleclip.networks.encoder_config import DEEPEST, UNITS, WIDTHS, Combination, EncoderConfig
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.content import Content, FileTree
from styleclip.weights.formats.messages import shown
from styleclip.weights.formats.own_files import KIND, save_tensors
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, read_tensors
from styleclip.weights.state_dict import check_keys

FORMAT = "encoder4editing or pixel2style2pixel"
LICENCE = "encoders that start from IR-SE50 saw faces licensed for research only: treat them as non-commercial"
TYPES: dict[str, Combination] = {"Encoder4Editing": "e4e", "GradualStyleEncoder": "psp"}  # by opts.encoder_type
TRUNK = ("input_layer.", "body.", "styles.")  # how the names of an encoder begin
CONV = re.compile(r"styles\.0\.convs\.(\d\d?)\.weight")  # of the first style, which halve its level down to 1x1
PSP_OPTIONS = {"output_size", "learn_in_w", "n_styles", "label_nc"}  # only pSp's files have them


def contents(tree: FileTree) -> list[Content]:
    """The encoder, with the settings `kind` and `start_from_latent_avg`, and its generator where the file has one."""
    table, options, average = tree.table("state_dict"), _options(tree), tree.table().get("latent_avg")
    encoder, decoder = _below("encoder.", table), _below("decoder.", table)
    if not any(name.startswith(TRUNK) for name in encoder):
        return []
    check_keys((), [name for name in table if not name.startswith(("encoder.", "decoder."))])
    centred = bool(options.get("start_from_latent_avg", isinstance(average, LazyTensor)))

    def read() -> dict[str, Tensor]:
        _check(options)
        tensors = read_tensors(encoder)
        count = count_styles(tensors)
        return {"w_avg": _average(average, count) if centred else torch.zeros(count, WIDTHS[-1]), **tensors}

    settings = {"kind": _kind(options), "start_from_latent_avg": centred}
    found = [Content("encoder", FORMAT, read, settings, LICENCE)]
    return [*found, rosinality.generator_part(decoder, average)] if decoder else found


def save_encoder(
    encoder: Encoder,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write an encoder as a file of ours; `metadata` is added to what loading needs."""
    told = {KIND: "encoder", "kind": encoder.config.kind, "leak": str(encoder.config.leak)}
    return save_tensors(encoder.state_dict(), path, {**(metadata or {}), **told}, dtype)


def encoder_kind(settings: Mapping[str, Any]) -> Combination:
    """How the vectors of this encoder combine; raises WeightError for encoders of another architecture."""
    for kind in TYPES.values():
        if settings.get("kind") == kind:
            return kind
    raise WeightError(f"its encoder is a {settings.get('kind')}, none of {' or '.join(TYPES)}; pass one of these")


def encoder_config(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> EncoderConfig:
    """The shape of an encoder, from its tensors and the settings of its file; what they do not tell is as published.

    Raises WeightError for encoders of another architecture, and for numbers that make no sense.
    """
    ends = [end - 1 for end in accumulate(UNITS)]
    widths = tuple(
        _width(tensors, f"body.{end}.res_layer.3.weight", 0, width) for end, width in zip(ends, WIDTHS, strict=True)
    )
    w_dim = _width(tensors, "w_avg", 1, WIDTHS[-1])
    if min(*widths, w_dim) < 1:
        raise WeightError(f"its trunk has {shown(widths)} channels, its w {w_dim} numbers; pass a complete file")
    return EncoderConfig(count_styles(tensors), encoder_kind(settings), w_dim, widths, _frame(tensors), _leak(settings))


def _frame(tensors: Mapping[str, Tensor]) -> int:
    """The side in px of what the encoder looks at: the convolutions of the first style halve 1/16 of it to 1."""
    convs = [int(match[1]) // 2 for match in (CONV.fullmatch(name) for name in tensors) if match]
    if not convs and "styles.0.linear.weight" not in tensors:
        return EncoderConfig.frame
    return DEEPEST * 2 ** max((1 + last for last in convs), default=0)


def _leak(settings: Mapping[str, Any]) -> float:
    told = settings.get("leak", EncoderConfig.leak)
    try:
        leak = float(told)
    except (TypeError, ValueError):
        leak = math.nan
    if not 0 <= leak <= 1:
        raise WeightError(f"its leak is {shown(told)}, not a number from 0 to 1; download it again")
    return leak


def _width(tensors: Mapping[str, Tensor], name: str, axis: int, published: int) -> int:
    tensor = tensors.get(name)
    return published if tensor is None or tensor.ndim <= axis else tensor.shape[axis]


def count_styles(names: Iterable[str]) -> int:
    """The number of vectors of W+, at most 100, that an encoder with tensors of these names gives."""
    return len({match[1] for match in (re.match(r"styles\.(\d\d?)\.", name) for name in names) if match})


def _options(tree: FileTree) -> Mapping[str, Any]:
    options = tree.table().get("opts")
    if isinstance(options, InertObject):
        return options.state
    return options if isinstance(options, Mapping) else {}


def _below(prefix: str, table: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in table.items() if name.startswith(prefix)}


def _kind(options: Mapping[str, Any]) -> str:
    """The combination; for an architecture that is not ours, its name. Tensors cannot tell e4e from pSp."""
    if "encoder_type" in options:
        named = options["encoder_type"]
        return TYPES.get(named, named) if isinstance(named, str) else shown(named)
    return "psp" if PSP_OPTIONS & options.keys() else "e4e"


def _check(options: Mapping[str, Any]) -> None:
    if "encoder_type" not in options:
        told = f"the file does not name its encoder; it is read as one of {_kind(options)}"
        warnings.warn(told, WeightWarning, stacklevel=2)
    if options.get("learn_in_w"):
        raise WeightError("its encoder was trained for W (learn_in_w), not W+; pass one for W+")
    if options.get("label_nc") or options.get("input_nc", 3) != 3:
        raise WeightError("its encoder takes label maps or sketches, not photographs; pass one for RGB pictures")


def _average(stored: Any, count: int) -> Tensor:
    """latent_avg, [num_ws, 512], [1, 512] or [512], as [num_ws, 512]."""
    if not isinstance(stored, LazyTensor):
        raise WeightError("its encoder starts from an average latent that the file lacks; pass one with latent_avg")
    average = stored.read()
    rows = average.reshape(-1, average.shape[-1])
    return rows.expand(count, -1) if len(rows) == 1 else rows
