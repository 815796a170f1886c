"""Invert renderings that no training has seen: python -m scripts.inversion measure|table

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
from PIL import Image

import styleclip
from styleclip.alignment.align import Aligned
from styleclip.alignment.photos import Photo
from styleclip.demo.judge import Judge, Verdict, load_judge
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.images import from_pil, to_pil
from styleclip.models.bundle import Models
from styleclip.weights.resources import checkpoint_path

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
@click.option("--out", type=Path, default=Path("build/inversion.jsonl"))
def measure(count: int, shard: str, out: Path) -> None:
    """Encode, refine and tune COUNT renderings."""
    models, judge = styleclip.load("demo"), load_judge(checkpoint_path("demo/judge.safetensors"))
    invert = styleclip.Invert(refine=styleclip.Refine(), tune=styleclip.Tune(), align=False)
    part, parts = (int(number) for number in shard.split("/"))
    z = torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(SEED))
    out.parent.mkdir(parents=True, exist_ok=True)
    done = {row["face"] for row in rows([out])} if out.exists() else set()
    for face in range(part - 1, count, parts):
        if face not in done:
            [picture] = to_pil(render(faces(z[face : face + 1]), SIDE))
            with out.open("a") as file:
                file.write(json.dumps({"face": face, "stages": list(stages(models, judge, invert, picture))}) + "\n")


def stages(models: Models, judge: Judge, invert: styleclip.Invert, picture: Image.Image) -> Iterator[dict[str, Any]]:
    """What every stage came to: errors, identity, seconds, and the share of attributes on which the judge agrees."""
    target = judge.see(from_pil([picture]))
    for stage in invert.invert(models, Aligned(Photo(picture), picture)).stages:
        agreement = agreed(target, judge.see(stage.image))
        yield {"name": stage.name, "seconds": stage.seconds, **stage.scores, "agreement": agreement}


def agreed(one: Verdict, other: Verdict) -> float:
    return float(np.mean([(one[name].argmax() == other[name].argmax()).item() for name in one]))


@main.command()
@click.argument("files", type=Path, nargs=-1, required=True)
def table(files: Sequence[Path]) -> None:
    """Means over all faces, and on how many of them each stage lowered the error of the one before."""
    found = list(rows(files))
    print(f"{len(found)} renderings\n")
    print("| stage | L1 | L2 | identity | attributes | seconds | better than before |\n|---|---|---|---|---|---|---|")
    for i, name in enumerate(stage["name"] for stage in found[0]["stages"]):
        own = [row["stages"][i] for row in found]
        means = {key: np.mean([stage[key] for stage in own]) for key in own[0] if key != "name"}
        lower = [row["stages"][i]["l2"] < row["stages"][i - 1]["l2"] for row in found] if i else []
        print(
            f"| {name} | {means['l1']:.4f} | {means['l2']:.4f} | {means['identity']:.3f} | {means['agreement']:.3f} "
            f"| {means['seconds']:.2f} | {f'{np.mean(lower):.1%}' if lower else ''} |"
        )


def rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        yield from map(json.loads, file.read_text().splitlines())


if __name__ == "__main__":
    main()
