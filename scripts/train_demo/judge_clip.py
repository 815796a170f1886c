"""Train the held-out CLIP of the demo world, from scratch: python -m scripts.train_demo.judge_clip

It judges the edits that follow the demo CLIP, so it shares no weight with that: its vision tower is one of plain
convolutions and its text tower is half as wide. The loss is that of `clip.py`, on the same renders with other captions
in other batches. With `--generated SHARE` that share of the pictures is the generator's, of `generated.py`; with
`--unknown SHARE` that share of the captions has words that the CLIP does not know, which say nothing.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scripts.train_demo.clip import ParameterScale, caption_losses, in_template, label_rows, mask_words
from scripts.train_demo.clip import config as editors_config
from scripts.train_demo.common import WORK, Losses, Renders, augment, float_weights, prepare_process, to_half, train
from styleclip.demo.captions import caption
from styleclip.demo.world import Faces, people_with
from styleclip.networks.clip import build_clip

NAME = "demo-judge-clip"
MODEL = {
    "embed_dim": 96,
    "vision_cfg": {"image_size": 64, "channels": [32, 64, 64, 96, 96, 96]},
    "text_cfg": {"context_length": 32, "width": 64, "heads": 2, "layers": 2},
}
UNKNOWN_WORDS = ("quite", "very", "such", "this", "rather", "here")
CAPTION_SEED = 10**6  # the captions of `clip.py` have the seeds 0, 1, ...


@click.command()
@click.option("--steps", default=1000)
@click.option("--batch", default=96)
@click.option("--lr", default=2e-3)
@click.option("--generated", default=0.0, help="Share of the pictures that the generator drew.")
@click.option("--unknown", default=0.0, help="Share of the captions with unknown words in them.")
@click.option("--start", type=Path, help="Continue from these weights.")
@click.option("--name", default="judge_clip", help="Name of the training state.")
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/judge_clip.safetensors"))
def main(
    steps: int,
    batch: int,
    lr: float,
    generated: float,
    unknown: float,
    start: Path | None,
    name: str,
    threads: int,
    out: Path,
) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    clip, pictures, scale = build_clip(config()), Pictures(generated), ParameterScale()
    probe = nn.Linear(MODEL["embed_dim"], len(scale.center))
    if start is not None:
        clip.load_state_dict(float_weights(start))

    def step(i: int) -> Losses:
        images, people = pictures(batch)
        rng = random.Random(CAPTION_SEED + i)
        captions = [caption(row, rng) for row in label_rows(people)]
        pixels = clip.preprocess_image(augment(images)).contiguous(memory_format=torch.channels_last)
        features = clip.model.encode_image(pixels)
        written = [with_unknown_words(in_template(c, rng), unknown, rng) for c in captions]
        texts = clip.model.encode_text(mask_words(clip.tokenizer(written)))
        return caption_losses(clip, probe, scale, features, texts, captions, people)

    modules = nn.ModuleDict({"clip": clip, "probe": probe})
    clip.to(memory_format=torch.channels_last).train()
    state = train(name, modules, step, steps, lr=lr, max_grad=5.0, decay=0.99)
    weights = {key.removeprefix("clip."): value for key, value in state.items() if key.startswith("clip.")}
    save_file(to_half(weights), out, metadata={"styleclip": "clip", "config": json.dumps(config()), "licence": "MIT"})


def config() -> dict[str, Any]:
    """The configuration of `build_clip`, with the words of the demo CLIP."""
    return editors_config() | {"name": NAME, "model": MODEL}


def with_unknown_words(text: str, share: float, rng: random.Random) -> str:
    """The text, with probability `share` with one or two words of UNKNOWN_WORDS at random places."""
    if rng.random() >= share:
        return text
    words = text.split()
    for _ in range(rng.randint(1, 2)):
        words.insert(rng.randint(0, len(words)), rng.choice(UNKNOWN_WORDS))
    return " ".join(words)


class Pictures:
    """Batches of renders, a share of them pictures of the generator, and their faces."""

    def __init__(self, generated: float) -> None:
        self.share, self.renders = generated, Renders(WORK / "renders.safetensors")
        if generated:
            drawn = load_file(WORK / "generated.safetensors")
            self.drawn, self.parameters = drawn["images"], drawn["parameters"].float()

    def __call__(self, batch: int) -> tuple[Tensor, Faces]:
        count = round(batch * self.share)
        images, people = self.renders.at(torch.randint(len(self.renders), (batch - count,)))
        if not count:
            return images, people
        rows = torch.randint(len(self.drawn), (count,))
        images = torch.cat([images, self.drawn[rows].float() / 127.5 - 1])
        return images, people_with(torch.cat([people.parameters, self.parameters[rows]]))


if __name__ == "__main__":
    main()
