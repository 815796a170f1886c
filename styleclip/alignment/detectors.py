"""Face detectors by name: the table behind `Invert(landmarks=...)`, `--landmarks` and `styleclip doctor`.

A detector is a module with two functions, and one line of `DETECTORS`:

    load(device: str, predictor: Path | None) -> Detector
        The detector: a function of an RGB picture that returns its faces (`face_search.Face`) from left to right.
        `predictor` is the file of the entry's `weight`; None where the entry has none. A network for small pictures
        becomes a detector for photos by `face_search.MultiScaleSearch`.
    check() -> str
        What is installed, e.g. "dlib 20.0.0". Raises UsageError, with the remedy, where a package is missing.

The module is imported when the detector is first used, so the names are known without torch.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styleclip.errors import UsageError
from styleclip.weights.catalog import weight

if TYPE_CHECKING:
    from styleclip.alignment.face_search import Detector


@dataclass(frozen=True)
class DetectorEntry:
    """A line of the table.

    Args:
        module: the name of the module with `load` and `check`.
        weight: the name in the catalog of the file that the detector needs, of kind `landmarks`; None for a detector
            whose weights come with its package.
        row: the name of its row in `styleclip doctor`; its own name where this is empty.
    """

    module: str
    weight: str | None = None
    row: str = ""

    def load_module(self) -> Any:
        """The module, which imports the packages that the detector needs."""
        return importlib.import_module(self.module)


DEFAULT_DETECTOR = "mtcnn"
DETECTORS = {
    "mtcnn": DetectorEntry("styleclip.alignment.mtcnn_detector", row="faces"),
    "dlib": DetectorEntry("styleclip.alignment.dlib_detector", weight="landmarks-68", row="landmarks"),
}


def load_detector(name: str = DEFAULT_DETECTOR, predictor: Path | None = None, device: str = "cpu") -> Detector:
    """The detector of this name; it is kept, because loading one takes longer than one detection.

    `predictor` is the file of its landmarks; None takes the one that `styleclip models pull` has fetched. Raises
    UsageError for an unknown name and for a predictor that is not there, WeightError for a file that is none.
    """
    if name not in DETECTORS:
        raise UsageError(f"no detector is called {name!r}; use {' or '.join(DETECTORS)}")
    entry = DETECTORS[name]
    if entry.weight and predictor is None:
        predictor = weight(entry.weight).on_disk
        if predictor is None:
            remedy = f"run `styleclip models pull {entry.weight}`, or pass one"
            raise UsageError(f"{name}'s landmarks need its predictor; {remedy}")
    return _load(entry, predictor, device)


@functools.lru_cache(maxsize=2)
def _load(entry: DetectorEntry, predictor: Path | None, device: str) -> Detector:
    detector: Detector = entry.load_module().load(device, predictor)
    return detector
