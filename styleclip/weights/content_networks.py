"""VGG for the content loss of a stylization, from the files of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from styleclip.errors import WeightError
from styleclip.networks.vgg import CONTENT_LAYERS, VGG, VggName
from styleclip.weights.formats import perceptual
from styleclip.weights.formats.messages import error_context
from styleclip.weights.load import trunk_file
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.state_dict import load_strict, on_meta

WEIGHTS: dict[VggName, str] = {"vgg19": "vgg19", "vgg16": "lpips-vgg"}  # in the catalog; the first is the published one


def load_content_network(name: Literal["auto", "vgg19", "vgg16"] = "auto") -> VGG | None:
    """The VGG of this name, frozen, on the CPU; for "auto" the first that is on this disk, None where none is.

    Raises WeightError for one that is not on this disk, or is damaged.
    """
    for each in WEIGHTS if name == "auto" else (name,):
        if (path := trunk_file(WEIGHTS[each])) is not None:
            return load_vgg(path, each)
    if name == "auto":
        return None
    raise WeightError(f"{name} is not on this disk; run `styleclip models pull {WEIGHTS[name]}`")


def load_vgg(path: Path, name: VggName) -> VGG:
    """The VGG in a file of torchvision; raises WeightError for another or a damaged one."""
    with error_context(path):
        held = perceptual.contents(open_content(path))
        if not held or held[0].config != perceptual.TRUNK_OF_VGG[name]:
            raise WeightError(f"it is not {name} of torchvision; run `styleclip models pull {WEIGHTS[name]}`")
        held[0].check()
        last = max(CONTENT_LAYERS[name].values())
        tensors = {key: value for key, value in held[0].tensors.items() if perceptual.layer_index(key) <= last}
        return load_strict(on_meta(lambda: VGG(name)), tensors).eval().requires_grad_(False)
