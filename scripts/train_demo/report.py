"""Measure the demo models on unseen renders: python -m scripts.train_demo.report

Needs renders of the size of the generator's pictures:

    python -m scripts.train_demo.render --count 4000 --seed 1 --name unseen
    python -m scripts.train_demo.render --count 2000 --seed 1 --resolution 128 --name unseen128

Prints the tables of the model card (checkpoints/demo/README.md) and draws generated faces beside renders.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from torch import Tensor

import styleclip
from scripts.train_demo.common import WORK, Renders, prepare_process
from scripts.train_demo.picture_quality import PictureQuality
from styleclip.demo.captions import state_text
from styleclip.demo.judge import Judge, load_judge
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, Faces, faces, with_state
from styleclip.images import to_pil
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.seeds import sample_z
from styleclip.sheets import labelled_sheet, stack_sheets
from styleclip.weights.catalog import checkpoint_path

RENDERS_OF = {64: "unseen", 128: "unseen128"}  # resolution of the generator -> renders that no training has seen
SET_SIZE = 1000  # pictures that the quality is measured on: the Frechet distance depends on their number


@click.command()
@click.option("--count", default=4000)
@click.option("--threads", default=2)
@click.option("--sheet", type=Path, default=WORK / "samples.png")
@torch.no_grad()
def main(count: int, threads: int, sheet: Path) -> None:
    """Print the tables and draw SHEET."""
    prepare_process(threads)
    models, judge = styleclip.load("demo"), load_judge(checkpoint_path("demo/judge.safetensors"))
    renders = Renders(WORK / f"{RENDERS_OF[models.generator.resolution]}.safetensors")
    images, people = renders.at(torch.arange(min(count, len(renders))))
    made = torch.cat([models.generator(Latent(Space.Z, z)) for z in renders.z[: len(images)].split(100)]).clamp(-1, 1)
    print_accuracies(models.clip, judge, images, made, people)
    quality = PictureQuality.of(made[:SET_SIZE], images[:SET_SIZE], judge)
    print(
        f"\ngenerator: L1 {quality.l1:.4f} in [-1, 1], {quality.psnr:.2f} dB, edge energy {quality.edge_energy:.3f}, "
        f"Frechet distance {quality.frechet:.2f} (first {SET_SIZE} renders)"
    )
    print(f"identity: AUC {identity_auc(models):.3f} (same person in other looks against other persons)")
    draw(sheet, models)


def print_accuracies(clip: CLIP, judge: Judge, images: Tensor, made: Tensor, people: Faces) -> None:
    """Print the table of balanced accuracies of the judge and of CLIP, on renders and generated pictures."""
    print("| attribute | judge on renders | judge on generated | demo CLIP on renders | demo CLIP on generated |")
    print("|---|---|---|---|---|")
    features = [torch.cat([clip.encode_image(part) for part in x.split(200)]) for x in (images, made)]
    logits = [[judge(part) for part in x.split(200)] for x in (images, made)]
    for attribute in ATTRIBUTES:
        truth, states = people.labels[attribute.name], len(attribute.states)
        seen = [torch.cat([part[attribute.name] for part in parts]).argmax(dim=1) for parts in logits]
        read = [zero_shot(clip, x, attribute.name, states) for x in features]
        figures = " | ".join(f"{balanced_accuracy(answer, truth, states):.3f}" for answer in (*seen, *read))
        print(f"| {attribute.name} | {figures} |")


def balanced_accuracy(answer: Tensor, truth: Tensor, states: int) -> float:
    """Balanced accuracy: the mean recall of all states."""
    return sum((answer[truth == k] == k).float().mean().item() for k in range(states)) / states


def zero_shot(clip: CLIP, features: Tensor, attribute: str, states: int) -> Tensor:
    """The state whose sentence is nearest to image features [N, D]: [N]."""
    texts = clip.encode_text([state_text(attribute, k) for k in range(states)])
    return (features @ texts.T).argmax(dim=1)


@torch.no_grad()
def identity_auc(models: Models, count: int = 600) -> float:
    """The probability that the same person with other attributes is nearer than another person."""
    assert models.identity is not None
    z = torch.randn(count, 64, generator=torch.Generator().manual_seed(11))
    other = z.clone()
    for attribute in ATTRIBUTES:
        if attribute.name != "skin":
            state = attribute.states[int(torch.randint(len(attribute.states), ()))]
            other = with_state(other, attribute.name, state)
    a, b = (models.identity.embed(render(faces(x))) for x in (z, other))
    same, different = (a * b).sum(dim=1), (a * b.roll(1, 0)).sum(dim=1)
    return (same[:, None] > different[None]).float().mean().item()


def draw(path: Path, models: Models, count: int = 24, columns: int = 8) -> None:
    """Draw the samples of the first seeds by their numbers, and below each the render of its latent."""
    z = sample_z(range(count), models.generator.config.z_dim)
    made = to_pil(models.render(Latent(Space.Z, z)))
    drawn = to_pil(render(faces(z), models.generator.resolution))
    sheets = [
        labelled_sheet([made[part], drawn[part]], list(map(str, range(count)[part])), ["generated", "render"], cell=128)
        for part in (slice(start, start + columns) for start in range(0, count, columns))
    ]
    stack_sheets(sheets).save(path)


if __name__ == "__main__":
    main()
