"""Files of face recognisers: bare state dicts whose names are those of our networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from styleclip.networks.arcface import IR_101
from styleclip.networks.encoder_config import UNITS
from styleclip.weights.formats.configs import axis_size
from styleclip.weights.formats.content import Content, FileTree, Kind, attempt
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, named_tensors


class Recogniser(NamedTuple):
    """A published recogniser and the layers that identify its state dict; the file may have more."""

    kind: Kind
    format: str
    layers: frozenset[str]
    licence: str


ARCFACE = Recogniser(
    "arcface",
    "InsightFace model_ir_se50",
    frozenset({"input_layer", "body", "output_layer"}),
    "trained on MS1M, whose terms are research-only: treat the weights as non-commercial",
)
CURRICULARFACE = "CurricularFace IR-101"
BOTTLENECK = re.compile(r"body\.\d{1,3}\.")
FACENET = Recogniser(
    "facenet",
    "facenet-pytorch InceptionResnetV1",
    frozenset({"conv2d_1a", "repeat_1", "last_linear"}),
    "trained on VGGFace2 or CASIA-WebFace, which are for research only",
)


def contents(tree: FileTree) -> list[Content]:
    """ArcFace's `model_ir_se50.pth`, `CurricularFace_Backbone.pth` in its names, or an InceptionResnetV1 of
    facenet-pytorch, with any number of classes."""
    table = tree.table()
    layers = {str(name).partition(".")[0] for name in table}
    return [
        attempt(known.kind, known.format, known.licence, partial(_recogniser, known, table))
        for known in (ARCFACE, FACENET)
        if known.layers <= layers
    ]


def _recogniser(known: Recogniser, table: Mapping[str, Any]) -> Content:
    tensors = named_tensors(table)
    if known is FACENET:
        config: dict[str, Any] = {"num_classes": axis_size(tensors, "logits.weight", axis=0)}
        return Content(known.kind, known.format, config, tensors, licence=known.licence)
    config = _arcface_config(tensors)
    curricular = config["units"] == IR_101
    return Content(known.kind, CURRICULARFACE if curricular else known.format, config, tensors, licence=known.licence)


def _arcface_config(tensors: Mapping[str, AnyTensor]) -> dict[str, Any]:
    """The arguments of `ArcFace`, from the number of bottlenecks and their layers."""
    count = 1 + max((int(name.split(".")[1]) for name in tensors if BOTTLENECK.match(name)), default=-1)
    units = next((each for each in (UNITS, IR_101) if sum(each) == count), UNITS)
    return {
        "units": units,
        "excitation": units == UNITS or any(".fc1." in name for name in tensors),
        "affine": units == UNITS or "output_layer.4.weight" in tensors,
    }
