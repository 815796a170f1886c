"""SugarCrepe (Hsieh et al. 2023): captions of COCO val2017 against fluent false ones.

The folder has a file for each category, add_obj.json and so on: {number: {filename, caption, negative_caption}}.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from styleclip.errors import UsageError
from styleclip.evaluate.benchmarks.cases import Case, Score, choose, read_cases
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore

CATEGORIES = ("add_obj", "add_att", "replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att")


def measure_sugarcrepe(clip: CLIP, folder: Path, images: Path, on_step: OnStep = ignore) -> list[Score]:
    """The share of true captions that come before the false one, by category; a tie is wrong.

    Args:
        clip: the CLIP.
        folder: that of the files; categories without a file are left out. Raises UsageError where there is none.
        images: the folder of the pictures of COCO val2017.
        on_step: a step is a batch of cases.
    """
    files = {name: folder / f"{name}.json" for name in CATEGORIES if (folder / f"{name}.json").exists()}
    if not files:
        names = ", ".join(f"{name}.json" for name in CATEGORIES)
        raise UsageError(f"{folder} has none of the files of SugarCrepe ({names}); pass the folder that has them")
    scores = []
    for name, path in files.items():
        cases = read_cases(path, lambda items: _cases(items, images))
        right = choose(clip, cases, on_step)
        scores.append(Score(f"SugarCrepe {name}", sum(right) / len(right), len(right)))
    return scores


def _cases(items: Any, images: Path) -> Iterator[Case]:
    """The captions in the order [false, true], by which a tie is wrong."""
    for item in items.values():
        yield Case(images / str(item["filename"]), None, (str(item["negative_caption"]), str(item["caption"])), 1, "")
