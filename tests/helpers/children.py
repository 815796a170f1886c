"""Children of the demo's generator without a training: it draws in shades of grey."""

from __future__ import annotations

from pathlib import Path

import styleclip
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.weights.child_files import save_child
from styleclip.weights.load import load_generator
from styleclip.weights.locate import generator_file


def grey_generator(parent: Path) -> Generator:
    """A generator whose toRGB layers give all channels the mean of the parent's."""
    child = load_generator(parent)
    for name, tensor in child.state_dict().items():
        if ".torgb." in name and "affine" not in name:
            tensor.copy_(tensor.mean(dim=0, keepdim=True).expand_as(tensor))
    return child


def save_grey_child(path: Path, models: Models | None = None) -> Path:
    """The file of a child of the demo, or of these `models`, whose generator lies in the file of their record."""
    models = models or styleclip.load("demo")
    parent = generator_file("demo")
    about = {"method": "adapt", "source": "a photo", "target": "a black and white photo"}
    return save_child(
        grey_generator(parent), load_generator(parent), path, models.provenance["generator"], about, {"licence": "MIT"}
    )
