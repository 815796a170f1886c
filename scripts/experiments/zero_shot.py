"""Zero-shot accuracy of a CLIP on unseen renders, by single sentences and by the ensemble: the table of docs/score.md.

    python -m scripts.experiments.zero_shot

The renders are the first of those that scripts/train_demo/report.py measures for the model card.
"""

from __future__ import annotations

import math
import re

import click
import torch
from torch import Tensor

import styleclip
from styleclip.classification.pictures import SeenPictures, see_pictures
from styleclip.demo.captions import state_text
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, Z_DIM, Attribute, Faces, faces
from styleclip.networks.clip import CLIP
from styleclip.prompts import TEMPLATES
from styleclip.weights.catalog import checkpoint_path

UNSEEN, SEED = 4000, 1  # renders of the model card, and their seed


@click.command()
@click.option("--clip", "name", default="demo", show_default=True, help="The CLIP.")
@click.option("--count", default=500)
def main(name: str, count: int) -> None:
    """Print the table."""
    clip, card = styleclip.load_clip(name), card_accuracies()
    z = torch.randn(UNSEEN, Z_DIM, generator=torch.Generator().manual_seed(SEED))[:count]
    people = faces(z)
    seen = see_pictures(clip, torch.cat([as_bytes(render(faces(part))) for part in z.split(64)]))
    print("| attribute | faces | model card | sentence | ensemble | labels in the ensemble |")
    print("|---|---|---|---|---|---|")
    columns: list[list[float]] = []
    for attribute in ATTRIBUTES:
        sentences = [state_text(attribute.name, state) for state in range(len(attribute.states))]
        labels = [text.removeprefix("a ").removeprefix("an ") for text in sentences]
        found = [
            accuracy(clip, seen, people, attribute, *way)
            for way in ((sentences, ("{}",)), (sentences, TEMPLATES), (labels, TEMPLATES))
        ]
        columns.append([card[attribute.name], *(each for each, _ in found)])
        error = sampling_error(card[attribute.name], people.labels[attribute.name], len(attribute.states))
        cells = " | ".join(f"{each:.3f}" for each, _ in found)
        print(f"| {attribute.name} | {found[0][1]} | {card[attribute.name]:.3f} ± {error:.3f} | {cells} |")
    means = " | ".join(f"**{sum(column) / len(column):.3f}**" for column in zip(*columns, strict=True))
    print(f"| **mean** | | {means} |")


def card_accuracies() -> dict[str, float]:
    """The balanced accuracies of the demo CLIP on 4,000 unseen renders, from the model card."""
    rows = re.findall(
        r"^\| (\w+) \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|", checkpoint_path("demo/README.md").read_text(), re.M
    )
    return {name: float(value) for name, value in reversed(rows)}  # of several tables the first


def accuracy(
    clip: CLIP, seen: SeenPictures, people: Faces, attribute: Attribute, texts: list[str], templates: tuple[str, ...]
) -> tuple[float, int]:
    """Balanced accuracy of `zero_shot` over the faces with a clear state, and their number."""
    truth = people.labels[attribute.name]
    answers = styleclip.zero_shot(clip, seen, texts, templates).probabilities.argmax(dim=1)
    shares = [(answers[truth == state] == state).float().mean().item() for state in range(len(texts))]
    return sum(shares) / len(shares), int((truth >= 0).sum())


def sampling_error(share: float, truth: Tensor, states: int) -> float:
    """The standard error of a balanced accuracy over these faces, where every state has this true accuracy."""
    counts = [int((truth == state).sum()) for state in range(states)]
    return math.sqrt(sum(share * (1 - share) / count for count in counts)) / states


def as_bytes(images: Tensor) -> Tensor:
    """Images rounded as files of the training renders hold them."""
    return (images * 127.5 + 127.5).round().clamp(0, 255) / 127.5 - 1


if __name__ == "__main__":
    main()
