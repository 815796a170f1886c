"""Trunks of LPIPS: torchvision's state dicts of AlexNet and VGG16, told apart by their first convolution."""

from __future__ import annotations

from styleclip.errors import WeightError
from styleclip.networks.lpips import TAPS, Trunk
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.nested import find_state_dicts
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, named_tensors

# Shape of the first convolution -> trunk.
TRUNK_OF_SHAPE: dict[tuple[int, ...], Trunk] = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}
HEADS_ALONE = (
    "it holds the linear heads of LPIPS, which come with the package lpips, and no trunk; "
    "run `styleclip models pull lpips-alex` for one"
)
WHOLE = (
    "it holds a whole LPIPS, trunk and linear heads, where the trunk is read from files of torchvision alone; "
    "run `styleclip models pull lpips-alex` for one"
)
HEADS = [f"lin{i}.model.1.weight" for i in range(5)]
OWN_TRUNK = "net.slice1.0.weight"  # of the package lpips
LICENCE = "trained on ImageNet, which is for research only"


def contents(tree: FileTree) -> list[Content]:
    """AlexNet or VGG16 of torchvision.

    Raises WeightError for a file of the heads of LPIPS, of any version, under any key and with any prefix.
    """
    if found := find_state_dicts(tree, lambda names: set(HEADS) <= set(names), HEADS[0]):
        raise WeightError(WHOLE if any(OWN_TRUNK in each.tensors for each in found) else HEADS_ALONE)
    table = tree.table()
    first = table.get("features.0.weight")
    trunk = TRUNK_OF_SHAPE.get(first.shape) if isinstance(first, LazyTensor) else None
    if trunk is None:
        return []
    return [attempt("perceptual", "torchvision", LICENCE, lambda: _trunk(tree, trunk))]


def _trunk(tree: FileTree, trunk: Trunk) -> Content:
    tensors = {
        name: tensor
        for name, tensor in named_tensors(tree.table()).items()
        if name.startswith("features.") and layer_index(name) <= TAPS[trunk][-1]
    }
    return Content("perceptual", "torchvision", trunk, tensors, summary={"trunk": trunk}, licence=LICENCE)


def layer_index(name: str) -> int:
    """The number in `features.8.weight`; an unknown name has 0, so that it is reported as one too many."""
    number = name.split(".")[1]
    return int(number) if number.isdecimal() else 0
