"""Measure the demo models on unseen renders: python -m scripts.train_demo.report

Needs `python -m scripts.train_demo.render --count 4000 --seed 1 --name unseen`. Prints the tables of the model card
(checkpoints/demo/README.md) and draws generated faces beside renders.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from torch import Tensor

import styleclip
from scripts.train_demo.common import WORK, Renders, prepare_process
from styleclip.demo.captions import state_text
from styleclip.demo.judge import load_judge
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, faces, with_state
from styleclip.images import to_pil
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.sheets import labelled_sheet
from styleclip.weights.catalog import checkpoint_path


@click.command()
@click.option("--count", default=4000)
@click.option("--threads", default=2)
@click.option("--sheet", type=Path, default=WORK / "samples.png")
@torch.no_grad()
def main(count: int, threads: int, sheet: Path) -> None:
    """Print the tables and draw SHEET."""
    prepare_process(threads)
    models, renders = styleclip.load("demo"), Renders(WORK / "unseen.safetensors")
    images, people = renders.at(torch.arange(min(count, len(renders))))
    made = torch.cat([models.generator(Latent(Space.Z, z)) for z in renders.z[: len(images)].split(100)]).clamp(-1, 1)
    judge = load_judge(checkpoint_path("demo/judge.safetensors"))
    print("| attribute | judge on renders | judge on generated | demo CLIP on renders | demo CLIP on generated |")
    print("|---|---|---|---|---|")
    verdicts = [judge.predict(x) for x in (images, made)]
    features = [torch.cat([models.clip.encode_image(part) for part in x.split(200)]) for x in (images, made)]
    for attribute in ATTRIBUTES:
        truth, states = people.labels[attribute.name], len(attribute.states)
        seen = [verdict[attribute.name].argmax(dim=1) for verdict in verdicts]
        read = [zero_shot(models.clip, x, attribute.name, states) for x in features]
        figures = " | ".join(f"{balanced_accuracy(answer, truth, states):.3f}" for answer in (*seen, *read))
        print(f"| {attribute.name} | {figures} |")
    error = (made - images).square().mean().div(4)
    print(f"\ngenerator: L1 {(made - images).abs().mean():.4f} in [-1, 1], {-10 * error.log10():.1f} dB")
    print(f"identity: AUC {identity_auc(models):.3f} (same person in other looks against other persons)")
    draw(sheet, made, images)


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


def draw(path: Path, made: Tensor, images: Tensor, columns: int = 8) -> None:
    """Alternate rows of generated faces and renders of the same latents."""
    rows = [to_pil(x[start : start + columns]) for start in (0, columns) for x in (made, images)]
    labelled_sheet(rows, row_labels=["generated", "render"] * 2, cell=128).save(path)


if __name__ == "__main__":
    main()
