"""The Inception of FID: pytorch-fid's state dict of December 2015, in the names of torchvision."""

from __future__ import annotations

from functools import partial
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats.configs import axis_size
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.safe_pickle.lazy_tensors import named_tensors

FIRST, CLASSES = "Conv2d_1a_3x3.conv.weight", "fc.weight"
NUM_CLASSES = 1008  # torchvision's has 1000
LICENCE = "code Apache-2.0; trained on ImageNet, which is for research only"


def contents(tree: FileTree) -> list[Content]:
    """The network without its classes; a problem for the Inception of torchvision, which has other weights."""
    table = tree.table()
    known = FIRST in table and CLASSES in table
    return [attempt("inception", "pytorch-fid", LICENCE, partial(_inception, table))] if known else []


def _inception(table: Any) -> Content:
    tensors = named_tensors(table)
    classes = axis_size(tensors, CLASSES, axis=0)
    if classes != NUM_CLASSES:
        raise WeightError(
            f"it holds an Inception of {classes} classes, and FID is defined by the one of 2015 with {NUM_CLASSES}; "
            "run `styleclip models pull fid-inception`"
        )
    kept = {f"network.{name}": tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
    return Content("inception", "pytorch-fid", None, kept, licence=LICENCE)
