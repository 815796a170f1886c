"""Summary of a weight file, for `styleclip models inspect`: dimensions, parameters, precision, origin, licence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from styleclip.errors import StyleClipError, WeightError
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.content import TABLES, Content
from styleclip.weights.formats.messages import error_context, report_damage, sentence
from styleclip.weights.formats.registry import read_all
from styleclip.weights.formats.stylegan3_configs import EXACT_BUFFERS
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor

BUFFERS = (
    *("noise_const", "w_avg", "running_mean", "running_var", "num_batches_tracked", "resample_filter"),
    *EXACT_BUFFERS,
)  # ends of names of tensors that are not learned
NO_LICENCE = "not stated in the file"


def describe(path: str | Path) -> dict[str, Any]:
    """Name, size, SHA-256 and the contents of a file (`parts`), each with its kind, format and dimensions.

    A content that cannot be used has a `problem`. Raises WeightError for a file that is absent, damaged, dangerous or
    unknown, and for a file without usable content.
    """
    path = Path(path)
    found = read_all(path)
    with error_context(path):
        described = [_describe(content) for content in found]
        if all("problem" in part for part in described):
            raise WeightError(described[0]["problem"])
        return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path), "parts": described}


def _describe(content: Content) -> dict[str, Any]:
    try:
        with report_damage():
            content.check()
            facts = {**content.summary, **_parameter_facts(content)}
    except StyleClipError as error:
        facts = {"problem": sentence(str(error))}
    return {"kind": content.kind, "format": content.format, **facts, "licence": content.licence or NO_LICENCE}


def _parameter_facts(content: Content) -> dict[str, Any]:
    """Number and precision of the learned parameters; every tensor is read, so damage is detected."""
    if not content.tensors:
        return {}
    count, precisions = 0, set()
    for name, tensor in content.tensors.items():
        numbers = read_tensor(tensor)
        if not name.endswith(BUFFERS):
            count += numbers.numel()
            precisions.add(str(numbers.dtype).removeprefix("torch."))
    parameters = {} if content.kind in TABLES else {"parameters": count}
    return {**parameters, "precision": " and ".join(sorted(precisions))}
