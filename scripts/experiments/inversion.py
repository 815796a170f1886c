"""Invert renderings that no training has seen: python -m scripts.experiments.inversion measure|table

`measure` appends a line for each rendering to a file, and goes on where it was; `--shard 1/2` takes the half of them.
`table` prints Markdown of such files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

import styleclip
from styleclip.demo.judge import Judge, Verdict, load_judge
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.images import from_pil, to_pil
from styleclip.inversion.losses import reconstruction_scores
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.weights.catalog import checkpoint_path

SEED = 1  # of the renderings; the training took 0, and settings were chosen on 77
SIDE = 64  # px


@click.group()
@click.option("--threads", default=1)
def main(threads: int) -> None:
    """Measure inversions in the demo world."""
    torch.set_num_threads(threads)


@main.command()
@click.option("--count", default=200)
@click.option("--shard", default="1/1", help="Which part of them, e.g. 1/2.")
@click.option("--batch", default=10, help="Renderings refined at once.")
@click.option("--out", type=Path, default=Path("build/inversion.jsonl"))
def measure(count: int, shard: str, batch: int, out: Path) -> None:
    """Encode, refine and tune COUNT renderings."""
    models, judge = styleclip.load("demo"), load_judge(checkpoint_path("demo/judge.safetensors"))
    part, parts = (int(number) for number in shard.split("/"))
    z = torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(SEED))
    out.parent.mkdir(parents=True, exist_ok=True)
    done = {row["face"] for row in rows([out])} if out.exists() else set()
    left = [face for face in range(part - 1, count, parts) if face not in done]
    for first in range(0, len(left), batch):
        several = left[first : first + batch]
        target = from_pil(to_pil(render(faces(z[several]), SIDE)))
        for row in inverted(models, judge, several, target):
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")


def inverted(models: Models, judge: Judge, numbers: Sequence[int], target: Tensor) -> Iterator[dict[str, Any]]:
    """For every face what each stage came to; the faces are refined together and tuned one by one."""
    encoder = models.encoder()
    assert encoder is not None
    guess = Latent(Space.W_PLUS, encoder.encode(target))
    refined = styleclip.Refine()(models, target, guess)
    for i, face in enumerate(numbers):
        own, pivot = target[i : i + 1], refined[i]
        tuned = styleclip.PivotalTuning()(models, own, pivot).apply(models)
        drawn = {"encoder": models.render(guess[i]), "refine": models.render(pivot), "tune": tuned.render(pivot)}
        yield {"face": face, "stages": [reached(models, judge, name, own, each) for name, each in drawn.items()]}


def reached(models: Models, judge: Judge, name: str, target: Tensor, image: Tensor) -> dict[str, Any]:
    """Errors, identity, and the share of attributes on which the judge says the same of both pictures."""
    [scored] = reconstruction_scores(models, target, image)
    return {"name": name, **scored, "agreement": agreed(judge.predict(target), judge.predict(image.clamp(-1, 1)))}


def agreed(one: Verdict, other: Verdict) -> float:
    return float(np.mean([(one[name].argmax() == other[name].argmax()).item() for name in one]))


@main.command()
@click.argument("files", type=Path, nargs=-1, required=True)
def table(files: Sequence[Path]) -> None:
    """Means over all faces, and on how many of them each stage lowered the error of the one before."""
    found = list(rows(files))
    print(f"{len(found)} renderings\n")
    print("| stage | L1 | L2 | identity | attributes | better than before |\n|---|---|---|---|---|---|")
    for i, name in enumerate(stage["name"] for stage in found[0]["stages"]):
        own = [row["stages"][i] for row in found]
        means = {key: np.mean([stage[key] for stage in own]) for key in own[0] if key != "name"}
        lower = [row["stages"][i]["l2"] < row["stages"][i - 1]["l2"] for row in found] if i else []
        print(
            f"| {name} | {means['l1']:.4f} | {means['l2']:.4f} | {means['identity']:.3f} | {means['agreement']:.3f} "
            f"| {f'{np.mean(lower):.1%}' if lower else ''} |"
        )


def rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        yield from map(json.loads, file.read_text().splitlines())


if __name__ == "__main__":
    main()
