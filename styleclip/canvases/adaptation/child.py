"""An adapted generator as `adapt` returns it, its file, and the sheet that shows it below its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor

from styleclip.images import fit_to, to_pil
from styleclip.networks.generator import Generator
from styleclip.sheets import labelled_sheet
from styleclip.weights.child_files import save_child
from styleclip.weights.lineage import PARENT

SHEET_FACES, CELL_PX = 8, 128


@dataclass(frozen=True)
class AdaptedGenerator:
    """A child, and how it was made.

    Args:
        generator: the child, frozen.
        parent: what it was made from.
        about: the texts, settings, networks and scores; `parent` names the parent's file.
        sheet: fixed samples by the parent, and below them by the child.
        interrupted: whether Ctrl-C ended the training; the child is then the one to keep so far.

    Example:
        child = styleclip.adapt(models, Prompt("a pencil sketch of a face"))
        child.save("sketch.safetensors")
        editor = Editor(styleclip.load("sketch.safetensors"))
    """

    generator: Generator
    parent: Generator
    about: Mapping[str, Any]
    sheet: Image
    interrupted: bool = False

    def save(self, path: str | Path, metadata: Mapping[str, str] | None = None) -> Path:
        """Write a file that loads as any generator; raises OutputError where the folder cannot be written."""
        return save_child(self.generator, self.parent, path, self.about[PARENT], self.about, metadata)


def samples_sheet(parent: Tensor, child: Tensor, target: str) -> Image:
    """The images [N, img_channels, H, W] of the first samples: a row by the parent, and one by the child below."""
    rows = [[fit_to(image, CELL_PX) for image in to_pil(images[:SHEET_FACES])] for images in (parent, child)]
    return labelled_sheet(rows, row_labels=["before", target], cell=CELL_PX)
