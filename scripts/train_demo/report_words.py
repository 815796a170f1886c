"""Measure what the demo CLIP reads: python -m scripts.train_demo.report_words

Needs `python -m scripts.train_demo.render --count 4000 --seed 1 --name unseen`. Prints the tables of the model card
(checkpoints/demo/README.md): areas under the curve of wordings that no caption of the training had, on generated
pictures, and what is read of pictures in a style.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import torch
from torch import Tensor

import styleclip
from scripts.train_demo.common import WORK, Renders, prepare_process
from scripts.train_demo.report import balanced_accuracy, zero_shot
from scripts.train_demo.reserved import HELD_OUT, MeasuredWording, measured_wordings
from scripts.train_demo.styles import STYLES, styled
from scripts.train_demo.wording_scores import LEAST, faces_for, generated_features, wording_aucs
from styleclip.demo.wordings import load_wordings
from styleclip.demo.world import ATTRIBUTES
from styleclip.networks.clip import CLIP
from styleclip.prompts import encode

SHOWN = ("hair_length", "hat", "eyewear", "expression")  # attributes of which each style is measured


@click.command()
@click.option("--clip", "name", default="demo")
@click.option("--count", default=2000, help="Generated pictures of random faces.")
@click.option("--styled", "styled_count", default=300, help="Renders that are drawn in every style.")
@click.option("--threads", default=1)
@torch.no_grad()
def main(name: str, count: int, styled_count: int, threads: int) -> None:
    """Print the tables."""
    prepare_process(threads)
    models, renders = styleclip.load("demo", identity="none"), Renders(WORK / "unseen.safetensors")
    clip = styleclip.load_clip(str(Path(name)) if Path(name).exists() else name)
    held_out, kinds = measured_wordings(HELD_OUT), wording_kinds()
    features, people = generated_features(clip, models.generator, faces_for(held_out, count, of_each=8))
    areas = wording_aucs(clip, held_out, features, people)
    print("| wordings | reach 0.95 | mean | least |")
    print("|---|---|---|---|")
    for kind in (*dict.fromkeys(kinds), "all"):
        chosen = [area for area, each in zip(areas, kinds, strict=True) if kind in (each, "all")]
        print_row(f"held out: {kind}", chosen)
    for set_name in ("tuning", "reporting"):
        wordings = [MeasuredWording(each.text, each.claims, {}, "") for each in load_wordings(set_name).wordings]
        print_row(f"of editors, {set_name}", wording_aucs(clip, wordings, features, people))
    for area, wording in sorted(zip(areas, held_out, strict=True)):
        if area < LEAST:
            print(f"{area:.3f} {wording.text}")
    images, shown = renders.at(torch.arange(styled_count))
    print_styles(clip, images, shown.labels)


def wording_kinds() -> list[str]:
    """The kind of each held-out wording."""
    return [each["kind"] for each in tomllib.loads(HELD_OUT.read_text("utf-8"))["wordings"]]


def print_row(name: str, areas: list[float]) -> None:
    """Print a row of the table of areas."""
    reached = sum(area >= LEAST for area in areas)
    print(f"| {name} | {reached} of {len(areas)} | {sum(areas) / len(areas):.3f} | {min(areas):.3f} |")


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
    return torch.cat([clip.encode_image(part) for part in images.split(100)])


if __name__ == "__main__":
    main()
