"""Features of training pictures by the vision tower of a CLIP: python -m scripts.train_demo.picture_features

The vision tower of the demo CLIP is frozen while its text tower learns, so the features of pictures are computed once.
Needs the renders of `render.py` and the pictures of `generated.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from scripts.train_demo.clip import label_rows
from scripts.train_demo.clip_composition import Pictures, hide
from scripts.train_demo.common import WORK, augment, prepare_process
from scripts.train_demo.styles import STYLES
from styleclip.demo.world import ATTRIBUTES, Faces, people_with
from styleclip.weights.load import load_clip_file

FILE = "picture_features.safetensors"
STYLE_NAMES = ("", *STYLES)  # the number of a style is its place


@dataclass(frozen=True)
class Features:
    """Unit features of pictures, their faces, the styles they are drawn in and their clear states."""

    features: Tensor  # [N, D]
    people: Faces
    styles: list[str]
    labels: list[dict[str, int]]

    def __getitem__(self, rows: Tensor) -> Features:
        chosen = rows.tolist()
        styles, labels = [self.styles[i] for i in chosen], [self.labels[i] for i in chosen]
        return Features(self.features[rows], self.people[rows], styles, labels)

    def __len__(self) -> int:
        return len(self.features)


def load_features(path: Path | None = None) -> Features:
    """The features in a file of this script."""
    tensors = load_file(path or WORK / FILE)
    people = hide(people_with(tensors["parameters"].float()), tensors["hidden"])
    styles = [STYLE_NAMES[i] for i in tensors["style"].tolist()]
    return Features(tensors["features"].float(), people, styles, label_rows(people))


@click.command()
@click.option("--clip", type=Path, default=WORK / "clip_composition.safetensors", help="Whose vision tower.")
@click.option("--count", default=16000)
@click.option("--styled", default=0.4, help="Share of the pictures that are drawn in a style.")
@click.option("--threads", default=1)
@torch.no_grad()
def main(clip: Path, count: int, styled: float, threads: int) -> None:
    """Compute the features of COUNT pictures."""
    prepare_process(threads)
    model, pictures = load_clip_file(clip), Pictures(styled)
    model.to(memory_format=torch.channels_last)
    parts: dict[str, list[Tensor]] = {"features": [], "parameters": [], "hidden": [], "style": []}
    for _ in range(-(-count // 240)):
        images, people, styles, _labels = pictures(240)
        parts["features"] += [model.encode_image(augment(part)) for part in images.split(60)]
        parts["parameters"].append(people.parameters.half())
        parts["hidden"].append(torch.stack([people.values[a.name].amax(dim=1) == 0 for a in ATTRIBUTES], dim=1))
        parts["style"].append(torch.tensor([STYLE_NAMES.index(style) for style in styles]))
    save_file({name: torch.cat(tensors) for name, tensors in parts.items()}, WORK / FILE)


if __name__ == "__main__":
    main()
