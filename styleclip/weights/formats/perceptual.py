"""Networks that compare pictures: torchvision's state dicts of AlexNet, VGG16 and VGG19, told apart by convolutions."""

from __future__ import annotations

from styleclip.errors import WeightError
from styleclip.networks.lpips import TAPS
from styleclip.networks.vgg import CONTENT_LAYERS, VggName
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.nested import find_state_dicts
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, named_tensors

# Shape of the first convolution -> trunk.
TRUNK_OF_SHAPE: dict[tuple[int, ...], str] = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}
LAST_OF_VGG19 = "features.34.weight"  # which VGG16 lacks
TRUNK_OF_VGG: dict[VggName, str] = {"vgg16": "vgg", "vgg19": "vgg19"}
LAST_LAYERS = {"alex": TAPS["alex"][-1], "vgg": TAPS["vgg"][-1], "vgg19": max(CONTENT_LAYERS["vgg19"].values())}
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
    """AlexNet, VGG16 or VGG19 of torchvision, up to the last layer that is compared.

    Raises WeightError for a file of the heads of LPIPS, of any version, under any key and with any prefix.
    """
    if found := find_state_dicts(tree, lambda names: set(HEADS) <= set(names), HEADS[0]):
        raise WeightError(WHOLE if any(OWN_TRUNK in each.tensors for each in found) else HEADS_ALONE)
    table = tree.table()
    first = table.get("features.0.weight")
    trunk = TRUNK_OF_SHAPE.get(first.shape) if isinstance(first, LazyTensor) else None
    if trunk is None:
        return []
    name = "vgg19" if trunk == "vgg" and LAST_OF_VGG19 in table else trunk
    return [attempt("perceptual", "torchvision", LICENCE, lambda: _trunk(tree, name))]


def _trunk(tree: FileTree, trunk: str) -> Content:
    tensors = {
        name: tensor
        for name, tensor in named_tensors(tree.table()).items()
        if name.startswith("features.") and layer_index(name) <= LAST_LAYERS[trunk]
    }
    return Content("perceptual", "torchvision", trunk, tensors, summary={"trunk": trunk}, licence=LICENCE)


def layer_index(name: str) -> int:
    """The number in `features.8.weight`; an unknown name has 0, so that it is reported as one too many."""
    number = name.split(".")[1]
    return int(number) if number.isdecimal() else 0
