"""Files of e4e and pSp: an encoder, the generator it was trained with, and the options of the training.

A torch file with `state_dict` (names begin with `encoder.` or `decoder.`), `latent_avg` [num_ws, 512] and `opts`,
a dict or a Namespace. The state of the training (optimizers, a discriminator, counters) is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.encoder_config import WIDTHS
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.configs import ENCODER_TYPES, count_styles, encoder_content
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.formats.nvidia_stylegan3 import state_dict_stylegan3
from styleclip.weights.formats.stylegan3_configs import FREQUENCIES
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, ConvertedTensor, LazyTensor, named_tensors
from styleclip.weights.state_dict import check_keys

FORMAT = "encoder4editing or pixel2style2pixel"
LICENCE = "encoders that start from IR-SE50 saw faces licensed for research only: treat them as non-commercial"
TRUNK = ("input_layer.", "body.", "styles.")  # prefixes of the names of an encoder
RESTYLE_CHANNELS = 6  # of the input of ReStyle's encoders
PSP_OPTIONS = {"output_size", "learn_in_w", "n_styles", "label_nc"}  # only in pSp's files


def contents(tree: FileTree) -> list[Content]:
    """The encoder, and the generator if the file has one."""
    table, options, average = tree.table("state_dict"), training_options(tree), tree.table().get("latent_avg")
    encoder, decoder = _with_prefix("encoder.", table), _with_prefix("decoder.", table)
    if not any(name.startswith(TRUNK) for name in encoder):
        return []
    check_keys((), [name for name in table if not name.startswith(("encoder.", "decoder."))])
    found = [attempt("encoder", FORMAT, LICENCE, lambda: _encoder(encoder, options, average))]
    return [*found, _decoder(decoder, average)] if decoder else found


def _decoder(decoder: Mapping[str, Any], average: Any) -> Content:
    """The generator of an encoder: StyleGAN3 in stylegan3-editing, StyleGAN2 in all others."""
    if FREQUENCIES in decoder:
        return state_dict_stylegan3(decoder)
    return rosinality.generator(decoder, average)


def training_options(tree: FileTree) -> Mapping[str, Any]:
    """The `opts` of a training, a dict or a Namespace; {} for anything else."""
    options = tree.table().get("opts")
    if isinstance(options, InertObject):
        return options.state
    return options if isinstance(options, Mapping) else {}


def _encoder(encoder: Mapping[str, Any], options: Mapping[str, Any], average: Any) -> Content:
    _check_options(options)
    tensors, count = named_tensors(encoder), count_styles(encoder)
    centred = bool(options.get("start_from_latent_avg", isinstance(average, LazyTensor)))
    w_avg: AnyTensor = _average_latent(average, count) if centred else torch.zeros(count, WIDTHS[-1])
    kind, guessed = _kind(options), f"the file does not name its encoder; it is read as one of {_kind(options)}"
    warnings = () if "encoder_type" in options else (guessed,)
    return encoder_content(FORMAT, {"w_avg": w_avg, **tensors}, {"kind": kind}, LICENCE, warnings)


def _with_prefix(prefix: str, table: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in table.items() if name.startswith(prefix)}


def _kind(options: Mapping[str, Any]) -> str:
    """`e4e` or `psp` from the options, since the tensors are alike; for another architecture its name."""
    if "encoder_type" in options:
        name = options["encoder_type"]
        return ENCODER_TYPES.get(name, name) if isinstance(name, str) else short_repr(name)
    return "psp" if PSP_OPTIONS & options.keys() else "e4e"


def _check_options(options: Mapping[str, Any]) -> None:
    if options.get("learn_in_w"):
        raise WeightError("its encoder was trained for W (learn_in_w), not W+; pass one for W+")
    if options.get("input_nc") == RESTYLE_CHANNELS:
        raise WeightError(
            "its encoder is one of ReStyle, which takes a photo and its last reconstruction; pass one of e4e or pSp"
        )
    if options.get("label_nc") or options.get("input_nc", 3) != 3:
        raise WeightError("its encoder takes label maps or sketches, not photographs; pass one for RGB pictures")


def _average_latent(average: Any, count: int) -> LazyTensor:
    """latent_avg, [num_ws, 512], [1, 512] or [512], as [num_ws, 512]."""
    if not isinstance(average, LazyTensor):
        raise WeightError("its encoder starts from an average latent that the file lacks; pass one with latent_avg")

    def expand(average: Tensor) -> Tensor:
        rows = average.reshape(-1, average.shape[-1])
        return rows.expand(count, -1) if len(rows) == 1 else rows

    return ConvertedTensor(average, expand)
