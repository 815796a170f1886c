"""The cases of a benchmark, how a CLIP chooses among their captions, and shares of right choices by group."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import open_clip
import torch
import torch.nn.functional as F
from PIL import Image

from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, Step, ignore
from styleclip.text.text_files import read_text

MAX_JSON_BYTES = 2**28
BATCH = 64  # cases that CLIP sees together


class Case(NamedTuple):
    """A picture, or the box (left, top, right, bottom) of it in px, and captions of which `right` is true."""

    image: Path
    box: tuple[float, float, float, float] | None
    captions: tuple[str, ...]
    right: int
    group: str


@dataclass(frozen=True)
class Score:
    """The share of right choices in a benchmark.

    Args:
        name: of the benchmark.
        share: the figure that its paper reports.
        cases: how many cases that figure has.
        groups: the share and the number of cases by group, also of groups that the figure leaves out.
        note: what to know of the figure.
    """

    name: str
    share: float
    cases: int
    groups: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    note: str = ""


def read_cases(path: Path, make: Callable[[Any], Iterable[Case]]) -> list[Case]:
    """The cases that `make` finds in the JSON of a file. Raises UsageError for another file."""
    text = read_text(path, MAX_JSON_BYTES)
    try:
        cases = [*make(json.loads(text))]
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not the file of this benchmark; download it again") from error
    if not cases:
        raise UsageError(f"{path} has no case; download it again")
    return cases


@torch.no_grad()
def choose(clip: CLIP, cases: Sequence[Case], on_step: OnStep = ignore) -> list[bool]:
    """Whether the true caption of each case has the largest cosine; of equal ones the first counts, as in numpy.

    Raises UsageError for a picture that is not there.
    """
    missing = next((case.image for case in cases if not case.image.is_file()), None)
    if missing is not None:
        raise UsageError(f"the picture {missing} is not there; download the pictures of the benchmark")
    mean, std = (_three(numbers.flatten().tolist()) for numbers in (clip.mean, clip.std))
    prepare = open_clip.image_transform(clip.image_size, is_train=False, mean=mean, std=std)
    right: list[bool] = []
    for start in range(0, len(cases), BATCH):
        part = cases[start : start + BATCH]
        pixels = torch.stack([prepare(_picture(case)) for case in part]).to(clip.mean)
        images = F.normalize(cast(Any, clip.model).encode_image(pixels).float(), dim=-1).cpu()
        for image, case in zip(images, part, strict=True):
            cosines = (clip.encode_text(case.captions).cpu() * image).sum(dim=1)  # equal for equal captions
            right.append(_first_largest(cosines.tolist()) == case.right)
        on_step(Step(len(right), len(cases)))
    return right


def shares_by_group(cases: Sequence[Case], right: Sequence[bool]) -> dict[str, tuple[float, int]]:
    """The share of right choices and the number of cases of every group, sorted by name."""
    found: dict[str, list[bool]] = {}
    for case, each in zip(cases, right, strict=True):
        found.setdefault(case.group, []).append(each)
    return {group: (sum(found[group]) / len(found[group]), len(found[group])) for group in sorted(found)}


def macro_mean(name: str, groups: Mapping[str, tuple[float, int]], kept: Iterable[str], note: str = "") -> Score:
    """The mean of the shares of the groups that are kept. Raises UsageError where none is."""
    chosen = [groups[group] for group in kept]
    if not chosen:
        raise UsageError(f"{name} has no group that counts; pass the whole file of the benchmark")
    share = sum(share for share, _ in chosen) / len(chosen)
    return Score(name, share, sum(count for _, count in chosen), groups, note)


def _picture(case: Case) -> Image.Image:
    try:
        with Image.open(case.image) as file:
            picture = file.convert("RGB")
    except OSError as error:
        raise UsageError(f"the picture {case.image} cannot be read ({error}); download it again") from error
    return picture if case.box is None else picture.crop(case.box)


def _first_largest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
