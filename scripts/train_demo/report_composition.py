"""Measure `demo-composition` beside the demo CLIP on unseen renders: python -m scripts.train_demo.report_composition

Needs `python -m scripts.train_demo.render --count 4000 --seed 1 --name unseen`. Prints the tables of the model card
(checkpoints/demo/README.md): attributes before and after, and what is read of pictures in a style.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from torch import Tensor

import styleclip
from scripts.train_demo.common import WORK, Renders, prepare_process
from scripts.train_demo.report import balanced_accuracy, zero_shot
from scripts.train_demo.styles import STYLES, styled
from styleclip.demo.world import ATTRIBUTES
from styleclip.latents import Latent, Space
from styleclip.networks.clip import CLIP
from styleclip.prompts import encode

SHOWN = ("hair_length", "hat", "eyewear", "expression")  # attributes of which each style is measured


@click.command()
@click.option("--clip", default="demo-composition")
@click.option("--count", default=1000)
@click.option("--styled", "styled_count", default=300, help="Renders that are drawn in every style.")
@click.option("--threads", default=1)
@torch.no_grad()
def main(clip: str, count: int, styled_count: int, threads: int) -> None:
    """Print the tables."""
    prepare_process(threads)
    models, renders = styleclip.load("demo", identity="none"), Renders(WORK / "unseen.safetensors")
    images, people = renders.at(torch.arange(count))
    made = torch.cat([models.generator(Latent(Space.Z, z)) for z in renders.z[:count].split(100)]).clamp(-1, 1)
    clips = (models.clip, styleclip.load_clip(str(Path(clip)) if Path(clip).exists() else clip))
    seen = [(each, features_of(each, pictures)) for pictures in (images, made) for each in clips]
    print("| attribute | demo, renders | composition, renders | demo, generated | composition, generated |")
    print("|---|---|---|---|---|")
    for attribute in ATTRIBUTES:
        truth, states = people.labels[attribute.name], len(attribute.states)
        read = [zero_shot(each, features, attribute.name, states) for each, features in seen]
        print(f"| {attribute.name} | {' | '.join(f'{balanced_accuracy(each, truth, states):.3f}' for each in read)} |")
    print_styles(clips[1], images[:styled_count], {k: v[:styled_count] for k, v in people.labels.items()})


def print_styles(clip: CLIP, images: Tensor, labels: dict[str, Tensor]) -> None:
    """Print how often the sentence of a style is the nearest of thirteen, and balanced accuracies of attributes."""
    sentences = ["a photo of a face", *(f"{style.phrases[0]} of a face" for style in STYLES.values())]
    ways = [encode(clip, sentences, way) for way in ("prompt", "ensemble")]
    print(f"\n| style | named | named, ensemble | {' | '.join(SHOWN)} |")
    print(f"|---|---|---|{'---|' * len(SHOWN)}")
    for k, (name, sentence) in enumerate(zip(("", *STYLES), sentences, strict=True)):
        features = features_of(clip, styled(images, name, seed=5) if name else images)
        named = [((features @ texts.T).argmax(dim=1) == k).float().mean().item() for texts in ways]
        read = []
        for attribute in SHOWN:
            states = next(len(a.states) for a in ATTRIBUTES if a.name == attribute)
            answer = zero_shot(clip, features, attribute, states)
            read.append(balanced_accuracy(answer, labels[attribute], states))
        print(f"| {sentence} | {' | '.join(f'{share:.2f}' for share in (*named, *read))} |")


def features_of(clip: CLIP, images: Tensor) -> Tensor:
    """Unit features [N, D]."""
    return torch.cat([clip.encode_image(part) for part in images.split(200)])


if __name__ == "__main__":
    main()
