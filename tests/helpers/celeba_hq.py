"""A folder in the structure of CelebA-HQ: five grey pictures and the file of their attributes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

ATTRIBUTES = ("5_o_Clock_Shadow", "Eyeglasses", "Young")
GLASSES = (1, -1, 1, -1, -1)  # of the pictures 0 to 4
NO_SHADOW, YOUNG = -1, 1  # of all pictures


def write_celeba_hq(root: Path) -> Path:
    """The folder of the pictures; the grey of each is ten times its number."""
    lines = [str(len(GLASSES)), " ".join(ATTRIBUTES)]
    lines += [f"{number}.jpg  {NO_SHADOW} {glasses} {YOUNG}" for number, glasses in enumerate(GLASSES)]
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text("\n".join(lines) + "\n")
    return save_greys(root / "CelebA-HQ-img", [10 * number for number in range(len(GLASSES))], "jpg")


def save_greys(folder: Path, greys: Sequence[int], suffix: str = "png") -> Path:
    """Pictures 0, 1, ... of one grey each."""
    folder.mkdir(exist_ok=True)
    for number, grey in enumerate(greys):
        Image.new("RGB", (40, 40), (grey,) * 3).save(folder / f"{number}.{suffix}")
    return folder
