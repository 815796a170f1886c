"""The Inception of FID and KID, by its name in the catalog or its file."""

from __future__ import annotations

from pathlib import Path

from styleclip.networks.inception import Inception
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import cached_file
from styleclip.weights.state_dict import load_strict, on_meta

NAME = "fid-inception"


def load_inception(path: str | Path | None = None) -> Inception | None:
    """The network in a file of pytorch-fid, frozen, on the CPU; without `path` the one that was downloaded.

    None where no path is given and the file is neither in the cache of styleclip (`styleclip models pull
    fid-inception`) nor in that of torch.hub. Raises WeightError for a file that is damaged or holds another network.
    """
    found = Path(path) if path is not None else cached_file(NAME, "inception")
    if found is None:
        return None
    with error_context(found):
        content = read_one(found, "inception")
        content.check()
        return load_strict(on_meta(Inception), content.tensors)
