"""Files of face recognisers: bare state dicts whose names are those of our networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from styleclip.weights.formats.configs import axis_size
from styleclip.weights.formats.content import Content, FileTree, Kind, attempt
from styleclip.weights.safe_pickle.lazy_tensors import named_tensors


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
FACENET = Recogniser(
    "facenet",
    "facenet-pytorch InceptionResnetV1",
    frozenset({"conv2d_1a", "repeat_1", "last_linear"}),
    "trained on VGGFace2 or CASIA-WebFace, which are for research only",
)


def contents(tree: FileTree) -> list[Content]:
    """ArcFace's `model_ir_se50.pth` or an InceptionResnetV1 of facenet-pytorch, with any number of classes."""
    table = tree.table()
    layers = {str(name).partition(".")[0] for name in table}
    return [
        attempt(known.kind, known.format, known.licence, partial(_recogniser, known, table))
        for known in (ARCFACE, FACENET)
        if known.layers <= layers
    ]


def _recogniser(known: Recogniser, table: Mapping[str, Any]) -> Content:
    tensors = named_tensors(table)
    config = {"num_classes": axis_size(tensors, "logits.weight", axis=0)} if known is FACENET else None
    return Content(known.kind, known.format, config, tensors, licence=known.licence)
