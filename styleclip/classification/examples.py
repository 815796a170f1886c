"""Examples of classes: a folder with a folder of pictures for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photos import PhotoLike
from styleclip.errors import UsageError

LEARNED_SHARE = 0.75  # of the examples of a class, where no number is given

Examples = Mapping[str, Sequence[PhotoLike]]


def find_examples(folder: Path) -> dict[str, list[PhotoLike]]:
    """The pictures of every class, by the name of its folder with blanks for `_`.

    Raises UsageError for fewer than two folders of pictures.
    """
    try:
        places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    except OSError as error:
        raise UsageError(
            f"cannot list {folder}: {error.strerror}; pass a folder with a folder for each class"
        ) from error
    examples = {place.name.replace("_", " "): [*find_photos([str(place)]).photos] for place in places}
    check_examples(examples, str(folder))
    return {name: [*pictures] for name, pictures in examples.items()}


def check_examples(examples: Examples, name: str = "the examples") -> None:
    """Raise UsageError for fewer than two classes, and for a class with fewer than two pictures."""
    if len(examples) < 2:
        raise UsageError(f"{name}: a probe needs two classes or more; make a folder of pictures for each")
    lone = next((label for label, pictures in examples.items() if len(pictures) < 2), None)
    if lone is not None:
        raise UsageError(f"the class {lone!r} has a single example; add another, by which the probe is measured")


def split_examples(labels: Tensor, shots: int | None, seed: int) -> Tensor:
    """Which examples [N] the probe learns from: `shots` of every class, or LEARNED_SHARE; by chance, as `seed` says.

    Raises UsageError where a class has no more than `shots`.
    """
    random = torch.Generator().manual_seed(seed)
    learns = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(int(labels.max()) + 1):
        rows = (labels == label).nonzero()[:, 0]
        count = max(1, min(len(rows) - 1, round(LEARNED_SHARE * len(rows)))) if shots is None else shots
        if count >= len(rows):
            few = f"a class has {len(rows)} examples, too few for {shots} shots and one to measure by"
            raise UsageError(f"{few}; pass fewer shots, or more pictures")
        learns[rows[torch.randperm(len(rows), generator=random)[:count]]] = True
    return learns
