"""Measure the held-out CLIP and recogniser beside the editors': python -m scripts.train_demo.report_judges

Needs `python -m scripts.train_demo.render --count 2000 --seed 1 --name unseen`. Prints the tables of the model card: of
every attribute the balanced accuracy on renders and on the generator's pictures of the same latents; of texts the AUC,
the probability that a picture of which the text is true has the larger cosine of two; of recognisers that of persons.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import click
import torch
from torch import Tensor

import styleclip
from scripts.train_demo.common import WORK, Renders, prepare_process
from scripts.train_demo.report import balanced_accuracy, identity_auc, zero_shot
from styleclip.demo.captions import Caption, caption_text, matches, state_names
from styleclip.demo.wordings import load_wordings
from styleclip.demo.world import ATTRIBUTES, Faces
from styleclip.latents import Latent, Space
from styleclip.loading import load_identity
from styleclip.networks.clip import CLIP

NAMES = ("demo", "demo-judge-clip")
CAPTIONS_PER_STATE = 8


@click.command()
@click.option("--count", default=2000)
@click.option("--threads", default=1)
@torch.no_grad()
def main(count: int, threads: int) -> None:
    """Print the tables."""
    prepare_process(threads)
    renders = Renders(WORK / "unseen.safetensors")
    images, people = renders.at(torch.arange(min(count, len(renders))))
    models = styleclip.load("demo")
    made = torch.cat([models.generator(Latent(Space.Z, z)) for z in renders.z[: len(images)].split(100)]).clamp(-1, 1)
    clips = [styleclip.load_clip(name) for name in NAMES]
    features = {(clip.name, k): see(clip, x) for clip in clips for k, x in enumerate((images, made))}
    print(f"| attribute | {' | '.join(f'{name}, {kind}' for kind in ('renders', 'generated') for name in NAMES)} |")
    print(f"|---{'|---' * 4}|")
    for attribute in ATTRIBUTES:
        states, truth = len(attribute.states), people.labels[attribute.name]
        cells = [
            balanced_accuracy(zero_shot(clip, features[clip.name, k], attribute.name, states), truth, states)
            for k in range(2)
            for clip in clips
        ]
        print(f"| {attribute.name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
    print(f"\n| texts | {' | '.join(NAMES)} |\n|---|---|---|")
    for kind, captions in {"captions": all_captions(), "wordings": all_wordings()}.items():
        cells = [text_auc(clip, captions, features[clip.name, 1], people) for clip in clips]
        print(f"| {kind} on generated | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
    for name in ("demo", "demo-judge-identity"):
        recognised = replace(models, identity=load_identity(name))
        torch.manual_seed(0)
        print(f"{name}: AUC {identity_auc(recognised):.3f} (same person in other looks against other persons)")


def see(clip: CLIP, images: Tensor) -> Tensor:
    return torch.cat([clip.encode_image(part) for part in images.split(200)])


def all_captions() -> list[Caption]:
    """Some captions of every state of every attribute."""
    rng = random.Random(5)
    return [
        Caption(caption_text({attribute.name: k}, rng), {attribute.name: k})
        for attribute in ATTRIBUTES
        for k in range(len(state_names(attribute.name)))
        for _ in range(CAPTIONS_PER_STATE)
    ]


def all_wordings() -> list[Caption]:
    """The prompts of both sets of wordings.toml."""
    return [
        Caption(each.text, each.claims) for name in ("tuning", "reporting") for each in load_wordings(name).wordings
    ]


def text_auc(clip: CLIP, captions: Sequence[Caption], features: Tensor, people: Faces) -> float:
    """The mean over texts of the AUC of the cosine: of clear pictures that a text is true of, against the others."""
    cosines = clip.encode_text([each.text for each in captions]) @ features.T
    true, unclear = matches(captions, people)
    found = []
    for row, is_true, is_unclear in zip(cosines, true, unclear, strict=True):
        right, wrong = row[is_true & ~is_unclear], row[~is_true & ~is_unclear]
        if len(right) and len(wrong):
            found.append((right[:, None] > wrong).float().mean())
    return torch.stack(found).mean().item()


if __name__ == "__main__":
    main()
