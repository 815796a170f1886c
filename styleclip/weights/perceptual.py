"""LPIPS from files: its trunk is one of torchvision's, its heads come with the `lpips` package.

It is used where the file of the trunk is on this disk; nothing is downloaded here.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.lpips import LPIPS, TAPS, Trunk
from styleclip.weights.catalog import weight
from styleclip.weights.formats.messages import error_context
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import read_tensors
from styleclip.weights.state_dict import load_strict, on_meta

# The shape of the first convolution tells the trunk.
FIRST: dict[tuple[int, ...], Trunk] = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}


def load_perceptual(path: str | Path | None = None, name: str = "lpips-alex") -> LPIPS | None:
    """LPIPS on the trunk in a file of torchvision, frozen, on the CPU; without `path` on the one of this `name`.

    None where no path is given and the file is neither in the cache of styleclip (`styleclip models pull NAME`) nor
    in that of torch.hub. Raises WeightError for a file that is absent, damaged or holds no such trunk.
    """
    found = Path(path) if path is not None else trunk_file(name)
    if found is None:
        return None
    with error_context(found):
        table = open_content(found).table()
        trunk = read_tensors({key: value for key, value in table.items() if key.startswith("features.")})
        kind = _kind(trunk)
        used = _used(kind, trunk)
        return load_strict(on_meta(lambda: LPIPS(kind)), used | heads(kind))


def trunk_file(name: str = "lpips-alex") -> Path | None:
    """The file of a trunk of the catalog, in our cache or in that of torch.hub; None where it is in neither."""
    ours = weight(name, "perceptual").path
    theirs = Path(torch.hub.get_dir()) / "checkpoints" / ours.name
    return next((path for path in (ours, theirs) if path.is_file()), None)


def heads(kind: Trunk) -> dict[str, Tensor]:
    """The linear heads, from the wheel of `lpips`, which is not imported for it; raises WeightError without it."""
    package = find_spec("lpips")
    if package is None or package.origin is None:
        raise WeightError("LPIPS needs the weights in the package lpips; run `pip install lpips`")
    path = Path(package.origin).parent / "weights" / "v0.1" / f"{kind}.pth"
    with error_context(path):
        tensors = read_tensors(open_content(path).table())
        return {f"heads.{i}.weight": tensors[f"lin{i}.model.1.weight"] for i in range(len(TAPS[kind]))}


def _kind(trunk: dict[str, Tensor]) -> Trunk:
    first = trunk.get("features.0.weight")
    kind = FIRST.get(tuple(first.shape)) if first is not None else None
    if kind is None:
        raise WeightError("it holds neither AlexNet nor VGG16 of torchvision; run `styleclip models pull lpips-alex`")
    return kind


def _layer(name: str) -> int:
    """The number in `features.8.weight`."""
    number = name.split(".")[1]
    return int(number) if number.isdecimal() else 0  # a foreign name stays, and is told as surplus


def _used(kind: Trunk, trunk: dict[str, Tensor]) -> dict[str, Tensor]:
    """The layers up to the last that is compared, which are all but those of the classifier."""
    return {name: tensor for name, tensor in trunk.items() if _layer(name) <= TAPS[kind][-1]}
