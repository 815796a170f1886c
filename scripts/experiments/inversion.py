"""Measure the inversion of unseen renders of the demo world: python -m scripts.experiments.inversion measure|table

`measure` appends a line of JSON for each render to a file and skips those that are there; `--shard 1/2` takes half of
them. `table` prints the files as Markdown.
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
from benchmarks.tools import markdown_table
from styleclip.demo.judge import Judge, Verdict, load_judge
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.images import from_pil, to_pil
from styleclip.inversion.losses import reconstruction_scores
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.weights.catalog import checkpoint_path

SEED = 1  # of the renders; the training used 0, and settings were chosen on 77


@click.group()
@click.option("--threads", default=1)
def main(threads: int) -> None:
    """Measure inversions in the demo world."""
    torch.set_num_threads(threads)


@main.command()
@click.option("--count", default=200)
@click.option("--shard", default="1/1", help="Part of the renders, e.g. 1/2.")
@click.option("--batch", default=10, help="Renders refined at once.")
@click.option("--out", type=Path, default=Path("build/inversion.jsonl"))
def measure(count: int, shard: str, batch: int, out: Path) -> None:
    """Encode, refine and tune COUNT renders."""
    models, judge = styleclip.load("demo"), load_judge(checkpoint_path("demo/judge.safetensors"))
    part, parts = (int(number) for number in shard.split("/"))
    z = torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(SEED))
    out.parent.mkdir(parents=True, exist_ok=True)
    done = {row["face"] for row in rows([out])} if out.exists() else set()
    left = [face for face in range(part - 1, count, parts) if face not in done]
    for first in range(0, len(left), batch):
        several = left[first : first + batch]
        target = from_pil(to_pil(render(faces(z[several]), models.generator.resolution)))
        for row in invert_faces(models, judge, several, target):
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")


def invert_faces(models: Models, judge: Judge, numbers: Sequence[int], target: Tensor) -> Iterator[dict[str, Any]]:
    """The scores of every stage for each face. Faces are refined together and tuned one by one."""
    encoder = models.encoder()
    assert encoder is not None
    guess = Latent(Space.W_PLUS, encoder.encode(target))
    refined = styleclip.Refine()(models, target, guess)
    for i, face in enumerate(numbers):
        image, pivot = target[i : i + 1], refined[i]
        tuned = styleclip.PivotalTuning()(models, image, pivot).apply(models)
        stages = {"encoder": models.render(guess[i]), "refine": models.render(pivot), "tune": tuned.render(pivot)}
        yield {
            "face": face,
            "stages": [stage_scores(models, judge, name, image, each) for name, each in stages.items()],
        }


def stage_scores(models: Models, judge: Judge, name: str, target: Tensor, image: Tensor) -> dict[str, Any]:
    """Errors, identity, and the share of attributes that the judge classifies alike on both images."""
    [scored] = reconstruction_scores(models, target, image)
    return {"name": name, **scored, "agreement": agreement(judge.predict(target), judge.predict(image.clamp(-1, 1)))}


def agreement(one: Verdict, other: Verdict) -> float:
    return float(np.mean([(one[name].argmax() == other[name].argmax()).item() for name in one]))


@main.command()
@click.argument("files", type=Path, nargs=-1, required=True)
def table(files: Sequence[Path]) -> None:
    """Means over all faces, and the share of faces whose L2 error each stage lowered."""
    found = list(rows(files))
    lines = []
    for i, name in enumerate(stage["name"] for stage in found[0]["stages"]):
        stages = [row["stages"][i] for row in found]
        means = {key: np.mean([stage[key] for stage in stages]) for key in stages[0] if key != "name"}
        lower = [row["stages"][i]["l2"] < row["stages"][i - 1]["l2"] for row in found] if i else []
        errors = [f"{means[key]:.4f}" for key in ("l1", "l2")]
        shares = [f"{means[key]:.3f}" for key in ("identity", "agreement")]
        lines.append([name, *errors, *shares, f"{np.mean(lower):.1%}" if lower else ""])
    columns = ["stage", "L1", "L2", "identity", "attributes", "better than before"]
    print(f"{len(found)} renders\n\n{markdown_table(columns, lines)}")


def rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        yield from map(json.loads, file.read_text().splitlines())


if __name__ == "__main__":
    main()
